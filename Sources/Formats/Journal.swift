public import Engine
internal import Synchronization

/// The files that a process reads, with their digests, for a record of what a run depends on.
public enum Journal {
    public struct Entry: Sendable, Hashable {
        public var path: String
        public var digest: Digest
        public init(path: String, digest: Digest) { (self.path, self.digest) = (path, digest) }
    }

    private struct State {
        var entries: [Entry] = []
        /// Paths that are known, or that the process wrote itself.
        var known: Set<String> = []
    }
    private static let state = Mutex<State?>(nil)
    private static let isOpen = Atomic(false)

    /// Notes from here on what is read.
    public static func open() {
        state.withLock { $0 = State() }
        isOpen.store(true, ordering: .relaxed)
    }

    /// In the order in which they were first read.
    public static var entries: [Entry] { state.withLock { $0?.entries ?? [] } }

    /// The digest of a file as it is now; `nil` where it cannot be read.
    public static func digest(of path: String) -> Digest? {
        guard let file = try? InputFile(path, isNoted: false) else { return nil }
        var digest = Digest()
        var bytes: [UInt8] = []
        while true {
            bytes.removeAll(keepingCapacity: true)
            guard let count = try? file.read(into: &bytes, atMost: 1 << 20) else { return nil }
            if count == 0 { return digest }
            digest.add(bytes)
        }
    }

    static func noteReading(_ path: String) {
        guard isOpen.load(ordering: .relaxed) else { return }
        let isNew = state.withLock { $0?.known.insert(path).inserted ?? false }
        guard isNew, let digest = digest(of: path) else { return }
        state.withLock { $0?.entries.append(Entry(path: path, digest: digest)) }
    }

    static func noteWriting(_ path: String) {
        guard isOpen.load(ordering: .relaxed) else { return }
        state.withLock { _ = $0?.known.insert(path) }
    }
}
