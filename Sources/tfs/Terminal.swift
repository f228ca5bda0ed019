internal import Glibc
internal import Language
internal import Synchronization
internal import Syntax

/// The terminal, the environment and the standard streams.
enum Terminal {
    static let inputIsTerminal = isatty(0) == 1
    static let outputIsTerminal = isatty(1) == 1
    static let errorIsTerminal = isatty(2) == 1

    static func environment(_ name: String) -> String? {
        guard let text = unsafe getenv(name) else { return nil }
        let value = unsafe String(cString: text)
        return value.isEmpty ? nil : value
    }

    /// Columns: what `COLUMNS` says, else the terminal, else 100.
    static var width: Int {
        if let text = environment("COLUMNS"), let columns = Int(text), columns > 0 { return columns }
        var size = winsize()
        for descriptor: Int32 in [2, 1, 0] where unsafe ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 {
            return Int(size.ws_col)
        }
        return 100
    }

    /// Whether a locale was chosen whose characters are not UTF-8.
    static let usesASCII: Bool = {
        guard let locale = environment("LC_ALL") ?? environment("LC_CTYPE") ?? environment("LANG") else { return false }
        return !locale.lowercased().filter { $0 != "-" }.contains(".utf8")
    }()

    private static let usesColor = errorIsTerminal && environment("NO_COLOR") == nil && environment("TERM") != "dumb"

    // MARK: Output

    /// Results, to standard output; gathered, and written before anything that goes to standard error.
    static func write(_ text: String) { print(outputIsTerminal ? shown(text) : text, terminator: "") }

    /// What tfs draws with, in the characters that the terminal has.
    private static func shown(_ text: String) -> String {
        if !usesASCII || text.utf8.allSatisfy({ $0 < 0x80 }) { return text }
        return text.map { ornaments[$0] ?? String($0) }.joined()
    }
    private static let ornaments: [Character: String] = [
        "…": "...", "━": "=", "╌": "-", "─": "-", "│": "|", "├": "|", "┤": "|", "┌": "+", "└": "+", "→": "->", "×": "x", "·": ".", "•": "*",
        "µ": "u", "–": "-", "⋮": ":",
    ]

    /// A line, cut where the terminal ends.
    static func fitted(_ line: String) -> String {
        if !outputIsTerminal || line.count <= width { return line }
        return line.prefix(max(width - (usesASCII ? 3 : 1), 1)) + (usesASCII ? "..." : "…")
    }

    /// Writes what has been gathered; whether that worked.
    @discardableResult static func flush() -> Bool { fflush(nil) == 0 }

    /// Text to standard error, at once and whole.
    static func writeError(_ text: String) {
        flush()
        var rest = Array((errorIsTerminal ? shown(text) : text).utf8)[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(2, $0.baseAddress, $0.count) }
            if count < 0, errno != EINTR && errno != EAGAIN { return }
            rest = rest.dropFirst(max(count, 0))
        }
    }

    /// Bold, where standard output is a terminal that has it.
    static func emphasised(_ text: String) -> String {
        outputIsTerminal && environment("NO_COLOR") == nil && environment("TERM") != "dumb" ? "\u{1B}[1m\(text)\u{1B}[0m" : text
    }

    static func report(_ diagnostic: Diagnostic) {
        let renderer = Renderer(width: width, usesColor: usesColor, usesASCII: usesASCII)
        writeError(renderer.render(diagnostic) + "\n")
        firstCode.withLock { $0 = $0 ?? diagnostic.code }
        if Annotations.areWritten.load(ordering: .relaxed) { writeError(Annotations.github(diagnostic)) }
    }

    private static let firstCode = Mutex<String?>(nil)

    /// Where more is to be read about what was reported, for a person at a terminal.
    static func pointToExplanation() {
        guard errorIsTerminal, let code = firstCode.withLock({ $0 }) else { return }
        writeError("`tfs explain \(code)` says more\n")
    }

    /// A diagnostic as reports show it: no colour, and the same width everywhere.
    static func plain(_ diagnostic: Diagnostic) -> String { Renderer().render(diagnostic) }

    static func console(report: @escaping @Sendable (Diagnostic) -> Void = Terminal.report) -> Console {
        Console(write: write, report: report, progress: writeError, isTerminal: errorIsTerminal && usesColor, width: width)
    }

    // MARK: Time

    /// Seconds on a clock that only goes forward.
    static var seconds: Double {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}

/// Lines of standard input as bytes, without their newlines.
struct StandardInput: ~Copyable {
    private var buffer: [UInt8] = []
    private var start = 0
    private var isAtEnd = false
    /// Whether a line was longer than any script may be, and so the last that was looked at.
    private(set) var isTooLong = false

    /// The next line; `nil` at the end.
    mutating func line() -> [UInt8]? {
        var searched = start
        while true {
            if let end = buffer[searched...].firstIndex(of: 10) {
                let line = Array(buffer[start..<end])
                start = end + 1
                return line
            }
            if isAtEnd {
                let line = Array(buffer[start...])
                start = buffer.count
                return line.isEmpty ? nil : line
            }
            if buffer.count - start > Session.longestScript {
                isTooLong = true
                return nil
            }
            searched = buffer.count
            refill()
            searched -= removeRead()
        }
    }

    /// Everything that is left; `nil` where that is more than so many bytes.
    mutating func rest(atMost limit: Int) -> [UInt8]? {
        while !isAtEnd, buffer.count - start <= limit { refill() }
        return isAtEnd ? Array(buffer[start...]) : nil
    }

    private mutating func removeRead() -> Int {
        guard start > 0 else { return 0 }
        let removed = start
        buffer.removeFirst(removed)
        start = 0
        return removed
    }

    private mutating func refill() {
        let room = 1 << 16
        let old = buffer.count
        buffer.append(contentsOf: repeatElement(0, count: room))
        let count = unsafe buffer.withUnsafeMutableBytes { unsafe Glibc.read(0, $0.baseAddress! + old, room) }
        buffer.removeLast(room - max(count, 0))
        if count == 0 || (count < 0 && errno != EINTR) { isAtEnd = true }
    }
}
