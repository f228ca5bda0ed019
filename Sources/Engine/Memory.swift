internal import Glibc
internal import Synchronization

/// What memory there is: the machine's, and what a container or `ulimit -v` leaves of it. Whoever is about to take much asks
/// first, because what fails later fails in ways that cannot be caught.
public enum Memory {
    /// Less than this is not worth the question.
    private static let small = 1 << 24

    /// Whether so many bytes more can be had, with something left for the rest.
    public static func allows(_ bytes: Int) -> Bool {
        if let limit = addressLimit, bytes >= 1 << 16 {
            // Blocks are rounded up, and the library of the processes' heaps takes its memory in steps.
            if used + bytes + bytes / 8 + (8 << 20) > limit { return false }
        }
        return bytes < small || bytes < available - (128 << 20)
    }

    /// What the machine can still give without swapping, or the container, if that is less.
    private static var available: Int {
        var left = number("/proc/meminfo", after: "MemAvailable:").map { $0 << 10 } ?? .max
        if let most = number("/sys/fs/cgroup/memory.max", after: ""), let now = number("/sys/fs/cgroup/memory.current", after: "") {
            left = min(left, most - now)
        }
        return left
    }

    /// `ulimit -v`, which is asked once.
    private static let addressLimit: Int? = {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0, limit.rlim_cur < 1 << 46 else { return nil }
        return Int(limit.rlim_cur)
    }()

    /// The addresses that the process has taken.
    private static var used: Int { (number("/proc/self/statm", after: "") ?? 0) * sysconf(Int32(_SC_PAGESIZE)) }

    /// The first number behind a word in one of the system's small files.
    private static func number(_ path: String, after word: String) -> Int? {
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = unsafe read(file, &buffer, buffer.count)
        guard count > 0 else { return nil }
        let text = buffer[..<count]
        var start = text.startIndex
        if let first = word.utf8.first {
            let wanted = Array(word.utf8)
            guard let place = text.indices.first(where: { text[$0] == first && text[$0...].starts(with: wanted) }) else { return nil }
            start = place + wanted.count
        }
        let digits = text[start...].drop { $0 == 0x20 }.prefix { $0 >= 0x30 && $0 <= 0x39 }
        return Int(String(decoding: digits, as: UTF8.self))
    }
}
