internal import Engine
internal import Formats

extension RunRecord {
    /// What has changed since this record among the things that a run depends on, a line each.
    ///
    /// - Parameters:
    ///   - now: a record that has just begun.
    ///   - library: the folder of the standard library.
    public func changes(to now: RunRecord, library: String) -> [String] {
        var changes: [String] = []
        if now.version != version { changes.append("tfs is \(now.version), it was \(version)") }
        if now.processor != processor { changes.append("the processor is `\(now.processor)`, it was `\(processor)`") }
        for (name, version) in Surroundings.libraries {
            if let was = libraries[name], was != version { changes.append("\(name) is \(version), it was \(was)") }
        }
        let lines = [text, now.text].map { $0.split(separator: "\n", omittingEmptySubsequences: false) }
        if let index = (0..<max(lines[0].count, lines[1].count)).first(where: { line(lines[0], $0) != line(lines[1], $0) }) {
            changes.append("\(script), line \(index + 1) is `\(line(lines[1], index))`, it was `\(line(lines[0], index))`")
        }
        for file in files {
            let path = file.path.hasPrefix("stdlib/") ? library + file.path.dropFirst("stdlib".count) : file.path
            let digest = Journal.digest(of: path)
            if digest != file.digest { changes.append("\(file.path) \(digest == nil ? "is not there any more" : "is not as it was")") }
        }
        return changes
    }

    private func line(_ lines: [Substring], _ index: Int) -> Substring { index < lines.count ? lines[index] : "" }

    /// How much there is in it: `2 fits, 35 epochs, 1,580 steps, 24 tensors, 12 lines of output`.
    public var size: String {
        func sum(_ count: (Fit) -> Int) -> Int { fits.reduce(0) { $0 + count($1) } }
        let fitted = [(fits.count, "fit"), (sum(\.epochs.count), "epoch"), (sum(\.losses.count), "step"), (sum(\.tensors.count), "tensor")]
        return (fitted.filter { $0.0 > 0 }.map { counted($0.0, $0.1) } + [counted(output.count, "line") + " of output"]).joined(separator: ", ")
    }

    /// Whether the run did not come to its end.
    public var isPartial: Bool { status == nil || status == Self.interrupted }
    static let interrupted = 130
}
