internal import Glibc

/// Folders of the file system.
enum Folder {
    /// The names in a folder, in order; `nil` when the path is no folder.
    static func names(_ path: String) -> [String]? {
        guard let handle = unsafe opendir(path) else { return nil }
        defer { unsafe closedir(handle) }
        var names: [String] = []
        while let entry = unsafe readdir(handle) {
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// A path from the root, without links; `nil` when nothing is there.
    static func resolved(_ path: String) -> String? {
        guard let found = unsafe realpath(path, nil) else { return nil }
        defer { unsafe free(found) }
        return unsafe String(cString: found)
    }

    static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// The scripts that a path stands for, in order: of a folder those below it, else the path itself. What begins with a
    /// dot is passed over, and so are links to folders, which may lead back.
    static func scripts(_ path: String) -> [String] {
        guard let names = names(path) else { return [path] }
        return names.filter { !$0.hasPrefix(".") }.flatMap { name -> [String] in
            let inner = path == "." ? name : path.hasSuffix("/") ? path + name : path + "/" + name
            if isOwnFolder(inner) { return scripts(inner) }
            return name.hasSuffix(".tfs") ? [inner] : []
        }
    }

    /// Whether a path is a folder itself, not a link to one.
    private static func isOwnFolder(_ path: String) -> Bool {
        var status = stat()
        return unsafe lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// Makes a folder and those above it.
    static func make(_ path: String) {
        var end = path.startIndex
        while end < path.endIndex {
            end = path[path.index(after: end)...].firstIndex(of: "/") ?? path.endIndex
            unsafe mkdir(String(path[..<end]), 0o700)
        }
    }
}

func fileExists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }
