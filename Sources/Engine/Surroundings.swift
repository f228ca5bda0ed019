internal import CKernels
internal import COpenBLAS
internal import ConeDNN

/// What bits may depend on beside the script and its data: the processor, and the libraries that compute.
public enum Surroundings {
    /// The processor's kind and those of its features that choose kernels.
    public static var processor: String {
        #if arch(x86_64)
            let names = ["x86-64"]
        #elseif arch(arm64)
            let names = ["arm64"]
        #else
            let names = ["other"]
        #endif
        return (names + features).joined(separator: " ")
    }

    /// Those features of the processor that choose kernels.
    static let features: [String] = {
        var (index, names) = (0, [String]())
        while let name = unsafe tfs_cpu_feature(index) {
            let text = unsafe String(cString: name)
            if !text.isEmpty { names.append(text) }
            index += 1
        }
        return names
    }()

    /// Names and versions; OpenBLAS only where the run has used it.
    public static var libraries: [(name: String, version: String)] {
        var found = [("glibc", unsafe String(cString: tfs_libc_version()))]
        if let version = unsafe dnnl_version()?.pointee {
            found.append(("oneDNN", unsafe "\(version.major).\(version.minor).\(version.patch)"))
        }
        if let config = unsafe tfs_blas_config() {
            found.append(("OpenBLAS", unsafe String(cString: config).split(separator: " ").prefix(2).joined(separator: " ")))
        }
        return found
    }

    /// How many threads compute; results do not depend on it.
    public static var threads: Int { ThreadPool.width }
}
