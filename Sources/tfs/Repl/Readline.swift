internal import CReadline
internal import Glibc
internal import Language
internal import Syntax

/// GNU readline: the one file that touches it. It is used from one thread, and between `begin` and the end of the process.
enum Readline {
    enum Line { case text(String), interrupted, end }

    /// Completes the line up to the cursor.
    typealias Completer = (_ before: String) -> Completion

    /// What readline's callbacks need to find. Only the thread of the prompt comes here.
    private final class State: @unchecked Sendable {
        var line: Line?
        var completer: Completer = { _ in Completion("", []) }
        var found: [String] = []
        var historyPath: String?
    }
    private static let state = State()
    /// As many entries are kept, here and in the file.
    private static let most: Int32 = 10_000

    /// Prepares editing, and reads what earlier sessions entered.
    static func begin(historyPath: String?, completer: @escaping Completer) {
        if unsafe setlocale(LC_CTYPE, "") == nil || !isUTF8 { _ = unsafe setlocale(LC_CTYPE, "C.UTF-8") }
        state.completer = completer
        state.historyPath = historyPath
        unsafe tfs_readline_configure(
            { text, start, end in unsafe Readline.complete(text, Int(start), Int(end)) }, { unsafe Readline.wordBreaks() })
        rl_initialize()
        using_history()
        stifle_history(most)
        if let historyPath {
            _ = unsafe read_history(historyPath)
            if tfs_readline_history_count() >= most { _ = unsafe history_truncate_file(historyPath, most) }
        }
    }

    private static var isUTF8: Bool { unsafe String(cString: nl_langinfo(Int32(CODESET))) == "UTF-8" }

    /// Reads a line, which may hold pasted newlines.
    static func read(_ prompt: String) -> Line {
        state.line = nil
        Interrupts.drain()
        unsafe rl_callback_handler_install(prompt) { text in unsafe Readline.finish(text) }
        // The window may have changed while something ran.
        rl_reset_screen_size()
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
        // The file's times are lines of `#` and digits, and no other line may look like one.
        let entry = entry.split(separator: "\n", omittingEmptySubsequences: false).enumerated().map { index, line in
            line.hasPrefix("#") && line.dropFirst().first?.isNumber ?? false ? "# " + line.dropFirst() : String(line)
        }.joined(separator: "\n")
        if let last = unsafe tfs_readline_last_entry(), unsafe String(cString: last) == entry { return }
        unsafe add_history(entry)
        guard let path = state.historyPath else { return }
        if unsafe append_history(1, path) != 0 { _ = unsafe write_history(path) }
    }

    // MARK: Completion

    /// The line up to the cursor.
    private static var before: String {
        guard let buffer = unsafe tfs_readline_buffer() else { return "" }
        return unsafe String(decoding: UnsafeRawBufferPointer(start: buffer, count: Int(tfs_readline_point())), as: UTF8.self)
    }

    private static func wordBreaks() -> UnsafeMutablePointer<CChar>? {
        let line = before
        if case .string = Cursor(before: line).place { return unsafe tfs_readline_string_breaks() }
        let trimmed = line.drop(while: \.isWhitespace)
        let command = trimmed.prefix { !$0.isWhitespace }.dropFirst()
        if trimmed.hasPrefix(":"), command.endIndex < trimmed.endIndex, let known = try? Repl.command(named: String(command)), !known.takes.isCode {
            return unsafe tfs_readline_argument_breaks()
        }
        return unsafe tfs_readline_code_breaks()
    }

    private static func complete(
        _ text: UnsafePointer<CChar>?, _ start: Int, _ end: Int
    ) -> UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? {
        guard let text = unsafe text else { return nil }
        tfs_readline_only_ours()
        let before = before
        let completion = state.completer(before)
        // Readline replaces the word as it cuts it, which may begin before ours or within it.
        let typed = unsafe String(cString: text).utf8.count
        let word = completion.word.utf8.count
        state.found = completion.candidates.map { candidate in
            typed <= word
                ? String(decoding: candidate.utf8.dropFirst(word - typed), as: UTF8.self)
                : String(decoding: before.utf8.suffix(typed).dropLast(word), as: UTF8.self) + candidate
        }
        if state.found.count == 1, case .string = Cursor(before: before).place, !state.found[0].hasSuffix("/") { state.found[0] += "\"" }
        return unsafe rl_completion_matches(text) { _, isAgain in unsafe Readline.next(isFirst: isAgain == 0) }
    }

    private static func next(isFirst: Bool) -> UnsafeMutablePointer<CChar>? {
        if state.found.isEmpty { return nil }
        return unsafe strdup(state.found.removeFirst())
    }
}
