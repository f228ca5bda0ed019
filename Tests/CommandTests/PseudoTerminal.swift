import Glibc
import Testing

/// The command on a terminal of its own, as a person has it: keys go in, and one waits for what is shown.
final class PseudoTerminal {
    private let main: Int32
    private let child: pid_t
    private var isOver = false
    /// What has been shown and no `wait` has gone past.
    private var shown: [UInt8] = []
    /// Everything that has been shown, as it came.
    private(set) var transcript: [UInt8] = []
    let home: Scratch

    /// Far longer than anything takes, on a machine however loaded.
    private static let patience = 60.0

    init(
        _ arguments: [String] = [], home: Scratch? = nil, environment: [String: String] = [:], columns: UInt16 = 100, rows: UInt16 = 50
    ) throws {
        self.home = try home ?? Scratch()
        main = unsafe open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        var (isLocked, number): (Int32, Int32) = (0, 0)
        let made = unsafe ioctl(main, 0x4004_5431, &isLocked) == 0 && ioctl(main, 0x8004_5430, &number) == 0  // TIOCSPTLCK, TIOCGPTN
        try #require(made, "no pseudo-terminal can be had")
        let device = "/dev/pts/\(number)"
        var size = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
        _ = unsafe ioctl(main, UInt(TIOCSWINSZ), &size)
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        // The first terminal that a session opens is its own.
        unsafe posix_spawn_file_actions_addopen(&actions, 0, device, O_RDWR, 0)
        unsafe posix_spawn_file_actions_adddup2(&actions, 0, 1)
        unsafe posix_spawn_file_actions_adddup2(&actions, 0, 2)
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        unsafe posix_spawnattr_setflags(&attributes, 0x80)  // POSIX_SPAWN_SETSID
        var settings = ["PATH": "/usr/bin:/bin", "HOME": self.home.path, "TERM": "xterm", "LANG": "C.UTF-8", "INPUTRC": "/dev/null"]
        settings.merge(environment) { $1 }
        let words = unsafe copies(["/bin/sh", "-c", "cd \"$HOME\" && exec \"$0\" \"$@\"", binary] + arguments)
        let environment = unsafe copies(settings.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" })
        defer { for unsafe text in unsafe words + environment { unsafe free(text) } }
        var child: pid_t = 0
        let code = unsafe posix_spawn(&child, "/bin/sh", &actions, &attributes, words, environment)
        try #require(code == 0, "\(binary) cannot be started")
        self.child = child
    }

    deinit {
        if !isOver {
            kill(child, SIGKILL)
            var state: Int32 = 0
            unsafe waitpid(child, &state, 0)
        }
        close(main)
    }

    /// Types keys; `\r` is Enter.
    func send(_ keys: String) {
        var rest = Array(keys.utf8)[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe write(main, $0.baseAddress, $0.count) }
            if count <= 0 { return }
            rest = rest.dropFirst(count)
        }
    }

    /// Waits until a text is shown, and gives what came before it since the last wait, without what moves the cursor.
    @discardableResult func wait(for text: String, sourceLocation: SourceLocation = #_sourceLocation) throws -> String {
        let limit = Self.seconds + Self.patience
        while true {
            let plain = Self.plain(shown)
            if let place = plain.ranges(of: text).first {
                let before = String(plain[..<place.lowerBound])
                shown = Array(plain[place.upperBound...].utf8)
                return before
            }
            guard Self.seconds < limit, read(until: limit) else {
                try #require(Bool(false), "`\(text)` was not shown, but: \(plain)", sourceLocation: sourceLocation)
                return ""
            }
        }
    }

    /// Presses Ctrl-C and waits for what is said of it and for the next prompt.
    func interrupt(_ said: String = "interrupted", sourceLocation: SourceLocation = #_sourceLocation) throws {
        send("\u{03}")
        try wait(for: said, sourceLocation: sourceLocation)
        try wait(for: "tfs> ", sourceLocation: sourceLocation)
    }

    /// Types a line and waits for the next prompt: what was shown between.
    @discardableResult func enter(_ line: String, sourceLocation: SourceLocation = #_sourceLocation) throws -> String {
        send(line + "\r")
        let echoed = try wait(for: "\n", sourceLocation: sourceLocation)
        _ = echoed
        return try wait(for: "tfs> ", sourceLocation: sourceLocation)
    }

    /// Waits for the end: the rest of what was shown, and the status as a shell tells it.
    func end() -> (text: String, status: Int32) {
        while read(until: Self.seconds + Self.patience) {}
        var state: Int32 = 0
        while unsafe waitpid(child, &state, 0) < 0 && errno == EINTR {}
        isOver = true
        return (Self.plain(shown), state & 0x7F == 0 ? (state >> 8) & 0xFF : 128 + (state & 0x7F))
    }

    func signal(_ number: Int32) { kill(child, number) }

    func resize(columns: UInt16, rows: UInt16 = 50) {
        var size = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
        _ = unsafe ioctl(main, UInt(TIOCSWINSZ), &size)
    }

    /// Takes in what is there; false at the end, or when the time is over.
    private func read(until limit: Double) -> Bool {
        var source = pollfd(fd: main, events: Int16(POLLIN), revents: 0)
        let ready = unsafe poll(&source, 1, Int32(max(limit - Self.seconds, 0) * 1000))
        if ready < 0 { return errno == EINTR }
        guard ready > 0 else { return false }
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = unsafe buffer.withUnsafeMutableBytes { unsafe Glibc.read(main, $0.baseAddress, $0.count) }
        guard count > 0 else { return false }
        shown += buffer.prefix(count)
        transcript += buffer.prefix(count)
        return true
    }

    private static var seconds: Double {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// Without escape sequences, bells and carriage returns.
    private static func plain(_ bytes: [UInt8]) -> String {
        var out: [UInt8] = []
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            switch byte {
            case 0x1B where index < bytes.count && bytes[index] == UInt8(ascii: "["):
                index += 1
                while index < bytes.count, !(0x40...0x7E).contains(bytes[index]) { index += 1 }
                index += 1
            case 0x07, 0x0D: continue
            default: out.append(byte)
            }
        }
        return String(decoding: out, as: UTF8.self)
    }
}
