internal import CReadline
internal import Glibc

/// GNU readline: the one file that touches it. It is used from one thread, and between `begin` and the end of the process.
enum Readline {
    enum Line { case text(String), interrupted, end }

    /// What completion is asked about: the word before the cursor, and the whole line up to there.
    typealias Completer = (_ word: String, _ before: String) -> [String]

    /// What readline's callbacks need to find. Only the thread of the prompt comes here.
    private final class State: @unchecked Sendable {
        var line: Line?
        var completer: Completer = { _, _ in [] }
        var found: [String] = []
        var historyPath: String?
    }
    private static let state = State()

    /// Prepares editing, and reads what earlier sessions entered.
    static func begin(historyPath: String?, completer: @escaping Completer) {
        if unsafe setlocale(LC_CTYPE, "") == nil || !isUTF8 { _ = unsafe setlocale(LC_CTYPE, "C.UTF-8") }
        state.completer = completer
        state.historyPath = historyPath
        unsafe tfs_readline_configure { text, start, end in unsafe Readline.complete(text, Int(start), Int(end)) }
        rl_initialize()
        tfs_readline_bind()
        using_history()
        stifle_history(10_000)
        if let historyPath { _ = unsafe read_history(historyPath) }
    }

    private static var isUTF8: Bool { unsafe String(cString: nl_langinfo(Int32(CODESET))) == "UTF-8" }

    /// Reads a line, which may hold pasted newlines.
    static func read(_ prompt: String) -> Line {
        state.line = nil
        Interrupts.drain()
        unsafe rl_callback_handler_install(prompt) { text in unsafe Readline.finish(text) }
        defer { rl_callback_handler_remove() }
        while true {
            if let line = state.line { return line }
            var sources = [
                pollfd(fd: 0, events: Int16(POLLIN), revents: 0), pollfd(fd: Interrupts.descriptor, events: Int16(POLLIN), revents: 0),
            ]
            let count = unsafe poll(&sources, nfds_t(sources.count), -1)
            if count < 0 {
                if errno == EINTR { continue }
                return .end
            }
            if sources[1].revents != 0 {
                Interrupts.drain()
                rl_callback_sigcleanup()
                unsafe rl_replace_line("", 0)
                rl_crlf()
                return .interrupted
            }
            if sources[0].revents != 0 { rl_callback_read_char() }
        }
    }

    private static func finish(_ text: UnsafeMutablePointer<CChar>?) {
        if let text = unsafe text {
            unsafe state.line = .text(String(cString: text))
            unsafe free(text)
        } else {
            state.line = .end
        }
        // The terminal goes back to its own ways before the line runs.
        rl_callback_handler_remove()
    }

    /// Keeps an entry, here and in the history file.
    static func remember(_ entry: String) {
        if let last = unsafe tfs_readline_last_entry(), unsafe String(cString: last) == entry { return }
        unsafe add_history(entry)
        guard let path = state.historyPath else { return }
        if unsafe append_history(1, path) != 0 { _ = unsafe write_history(path) }
    }

    // MARK: Completion

    private static func complete(
        _ text: UnsafePointer<CChar>?, _ start: Int, _ end: Int
    ) -> UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? {
        guard let text = unsafe text, let buffer = unsafe tfs_readline_buffer() else { return nil }
        let before = unsafe String(decoding: UnsafeRawBufferPointer(start: buffer, count: end), as: UTF8.self)
        // Inside a string, readline's own completion of file names.
        if isInString(before) { return nil }
        tfs_readline_only_ours()
        state.found = unsafe state.completer(String(cString: text), before)
        return unsafe rl_completion_matches(text) { _, isAgain in unsafe Readline.next(isFirst: isAgain == 0) }
    }

    private static func next(isFirst: Bool) -> UnsafeMutablePointer<CChar>? {
        if state.found.isEmpty { return nil }
        return unsafe strdup(state.found.removeFirst())
    }

    private static func isInString(_ text: String) -> Bool {
        var isOpen = false
        var isEscaped = false
        for character in text.unicodeScalars {
            if isEscaped { isEscaped = false; continue }
            if character == "\\", isOpen { isEscaped = true }
            if character == "\"" { isOpen.toggle() }
        }
        return isOpen
    }
}
