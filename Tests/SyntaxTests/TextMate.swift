import Foundation

/// What an editor does with a TextMate grammar, as far as ours needs it.
struct TextMate {
    struct Capture: Decodable { var name: String }

    struct Rule: Decodable {
        var name: String?
        var include: String?
        var match: String?
        var begin: String?
        var end: String?
        var captures: [String: Capture]?
        var beginCaptures: [String: Capture]?
        var endCaptures: [String: Capture]?
        var patterns: [Rule]?
    }

    private struct File: Decodable {
        var patterns: [Rule]
        var repository: [String: Rule]
    }

    /// A rule with its expressions compiled.
    private final class Node {
        let rule: Rule
        let start: NSRegularExpression
        let end: NSRegularExpression?
        var inner: [Node] = []

        init(_ rule: Rule, _ start: String) throws {
            self.rule = rule
            self.start = try NSRegularExpression(pattern: start)
            end = try rule.end.map { try NSRegularExpression(pattern: $0) }
        }
    }

    private let root: [Node]

    init(_ json: String) throws {
        let file = try JSONDecoder().decode(File.self, from: Data(json.utf8))
        // Names stand for lists of rules, which may contain each other.
        var made: [String: [Node]] = [:]
        var open: [(Node, [Rule])] = []
        func expand(_ rules: [Rule]) throws -> [Node] {
            try rules.flatMap { rule -> [Node] in
                if let name = rule.include?.dropFirst() {
                    if let known = made[String(name)] { return known }
                    guard let target = file.repository[String(name)] else { throw Missing(name: String(name)) }
                    let nodes = try expand([target])
                    made[String(name)] = nodes
                    return nodes
                }
                guard let start = rule.match ?? rule.begin else { return try expand(rule.patterns ?? []) }
                let node = try Node(rule, start)
                if let patterns = rule.patterns { open.append((node, patterns)) }
                return [node]
            }
        }
        root = try expand(file.patterns)
        while let (node, patterns) = open.popLast() { node.inner = try expand(patterns) }
    }

    struct Missing: Error { var name: String }

    /// The scopes of each UTF-16 unit of a text, innermost last.
    func scopes(of text: String) -> [[String]] {
        var found: [[String]] = []
        var stack: [Node] = []
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            found += scopes(ofLine: String(line), &stack)
            found.append([])
        }
        return found
    }

    private func scopes(ofLine line: String, _ stack: inout [Node]) -> [[String]] {
        let count = line.utf16.count
        var found = [[String]](repeating: [], count: count)
        var place = 0
        func outer() -> [String] { stack.compactMap(\.rule.name) }
        func set(_ range: NSRange, _ names: [String]) {
            for index in range.location..<range.location + range.length { found[index] = names }
        }
        func set(_ result: NSTextCheckingResult, _ captures: [String: Capture]?, in names: [String]) {
            set(result.range, names)
            for (group, capture) in captures ?? [:] {
                if let group = Int(group), result.range(at: group).location != NSNotFound {
                    set(result.range(at: group), names + [capture.name])
                }
            }
        }
        while place <= count {
            let rest = NSRange(location: place, length: count - place)
            func first(_ expression: NSRegularExpression) -> NSTextCheckingResult? {
                expression.firstMatch(in: line, options: [.withoutAnchoringBounds, .withTransparentBounds], range: rest)
            }
            let end = stack.last?.end.flatMap(first)
            var best: (node: Node, result: NSTextCheckingResult)?
            for node in stack.last?.inner ?? root {
                if let result = first(node.start), result.range.length > 0, result.range.location < best?.result.range.location ?? .max {
                    best = (node, result)
                }
            }
            if let end, end.range.location <= best?.result.range.location ?? .max {
                set(NSRange(location: place, length: end.range.location - place), outer())
                set(end, stack.last?.rule.endCaptures, in: outer())
                stack.removeLast()
                place = end.range.location + end.range.length
                // An end that is the line's is one for all that is open here.
                if end.range.length == 0, stack.isEmpty { break }
                continue
            }
            guard let (node, result) = best else {
                set(rest, outer())
                break
            }
            set(NSRange(location: place, length: result.range.location - place), outer())
            place = result.range.location + result.range.length
            if node.end != nil { stack.append(node) }
            let names = outer() + (node.end == nil ? [node.rule.name].compactMap { $0 } : [])
            set(result, node.rule.captures ?? node.rule.beginCaptures, in: names)
        }
        return found
    }
}
