import FoundationEssentials

/// A Markdown page as its lines, with the places of its fenced blocks.
struct Page {
    /// One fenced block: ```` ```LANGUAGE NAME ````, where a name makes it a file.
    struct Block {
        let language: String
        let name: String?
        /// The lines between the fences.
        let lines: Range<Int>
    }

    private(set) var lines: [String]
    private(set) var blocks: [Block] = []

    init(_ text: String) {
        lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        var opening: (line: Int, words: [String])?
        for (index, line) in lines.enumerated() where line.hasPrefix("```") {
            if let (start, words) = opening {
                blocks.append(Block(language: words.first ?? "", name: words.dropFirst().first, lines: start + 1..<index))
                opening = nil
            } else {
                opening = (index, line.drop { $0 == "`" }.split(separator: " ").map(String.init))
            }
        }
    }

    var text: String { lines.joined(separator: "\n") }

    /// The lines outside of all blocks.
    var prose: [String] { lines.indices.filter { index in !blocks.contains { $0.lines.contains(index) } }.map { lines[$0] } }

    func content(of block: Block) -> [String] { Array(lines[block.lines]) }

    /// The page with other lines in some blocks, or with a block of output behind them.
    func replacing(_ changes: [(block: Block, lines: [String], isNew: Bool)]) -> Page {
        var page = self
        for change in changes.sorted(by: { $0.block.lines.lowerBound > $1.block.lines.lowerBound }) {
            if change.isNew {
                let behind = change.block.lines.upperBound + 1
                page.lines.insert(contentsOf: ["", "```text"] + change.lines + ["```"], at: behind)
            } else {
                page.lines.replaceSubrange(change.block.lines, with: change.lines)
            }
        }
        return page
    }
}

/// Whether lines are as a page shows them: a line `…` stands for any number of lines, and `…` in a line for any text.
func matches(_ shown: ArraySlice<String>, _ found: ArraySlice<String>) -> Bool {
    guard let first = shown.first else { return found.isEmpty }
    if first == "…" {
        return (found.startIndex...found.endIndex).contains { matches(shown.dropFirst(), found[$0...]) }
    }
    guard let line = found.first, matches(line: first, line) else { return false }
    return matches(shown.dropFirst(), found.dropFirst())
}

private func matches(line shown: String, _ found: String) -> Bool {
    let parts = shown.split(separator: "…", omittingEmptySubsequences: false)
    guard parts.count > 1, let last = parts.last else { return shown == found }
    guard found.hasPrefix(parts[0]) else { return false }
    var rest = found.dropFirst(parts[0].count)
    for part in parts.dropFirst().dropLast() where !part.isEmpty {
        guard let place = rest.firstRange(of: part) else { return false }
        rest = rest[place.upperBound...]
    }
    return rest.hasSuffix(last)
}
