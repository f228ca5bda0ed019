public import Datasets
public import Syntax

/// Changes texts as typing and broken files do: tokens left out, repeated, exchanged or borrowed, bytes likewise.
public struct Mutator: Sendable {
    private let texts: [[UInt8]]
    /// The tokens of each text, blanks among them.
    private let words: [[String]]

    public init(_ texts: [String]) {
        self.texts = texts.map { Array($0.utf8) }
        words = texts.map(Self.words)
    }

    static let scraps = [
        "{", "}", "(", ")", "[", "]", "\"", "\"\"\"", "'", "\\", "\n", "->", "|>", "=", ",", ":", "...", "#", "##", "if", "else", "fn f(",
        "model", "é", "\u{0}", "not", "in", "1e", "0x", ".", ";", "{{", "}}", "\u{202E}", "for", "while true {", "return", "with", "**",
        "-", "@", "none", "true", "9223372036854775807", "-9223372036854775808", "0.0", "1e308", "nan", "\r\n", "\r", "\u{FEFF}", "\t",
        "ones([2, 3])", "[]", "{}", "\"{x:>9}\"", "x -> x", "as", "import \"a.tfs\"", "expect", "option a = 1", "test \"t\" {", "layer l(a)(x) {",
    ]

    /// Runs of letters and digits, and everything else byte by byte.
    private static func words(_ text: String) -> [String] {
        var found: [String] = []
        var isWord = false
        for scalar in text.unicodeScalars {
            let continues = scalar.properties.isXIDContinue
            if continues, isWord { found[found.count - 1].unicodeScalars.append(scalar) } else { found.append(String(scalar)) }
            isWord = continues
        }
        return found
    }

    /// A text with its tokens disarranged.
    public func tokens(_ random: inout SplitMix) -> String {
        var words = random.pick(self.words)
        for _ in 0...random.below(4) where words.count > 1 {
            let place = random.below(words.count)
            switch random.below(7) {
            case 0: words.remove(at: place)
            case 1: words.insert(words[place], at: place)
            case 2: words.swapAt(place, random.below(words.count))
            case 3: words[place] = words[random.below(words.count)]
            case 4: words[place] = random.pick(Self.scraps)
            case 5: words.insert(random.pick(Self.scraps), at: place)
            default: words[place] = random.pick(random.pick(self.words))
            }
        }
        return words.joined()
    }

    /// A text with its bytes disarranged.
    public func bytes(_ random: inout SplitMix) -> String {
        var bytes = random.pick(texts)
        for _ in 0...random.below(6) {
            let place = random.below(bytes.count + 1)
            switch random.below(5) {
            case 0: bytes.insert(contentsOf: random.pick(Self.scraps).utf8, at: place)
            case 1: bytes.removeSubrange(place..<min(bytes.count, place + random.below(20) + 1))
            case 2:
                let from = random.below(bytes.count + 1)
                bytes.insert(contentsOf: Array(bytes[from..<min(bytes.count, from + random.below(60) + 1)]), at: place)
            case 3: if place < bytes.count { bytes[place] = UInt8(truncatingIfNeeded: random.next()) }
            default: if random.chance(3) { bytes.removeSubrange(place...) }
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Tokens in any order.
    static func soup(_ random: inout SplitMix) -> String {
        (0...random.below(40)).map { _ in random.pick(scraps) + (random.chance(2) ? " " : "") }.joined()
    }

    /// Bytes in any order.
    static func noise(_ random: inout SplitMix) -> String {
        let isASCII = random.chance(2)
        return String(decoding: (0..<random.below(300)).map { _ in UInt8(truncatingIfNeeded: random.next()) & (isASCII ? 127 : 255) }, as: UTF8.self)
    }

    /// A file with its bytes disarranged: flipped, cut, repeated, numbers set to their ends.
    static func file(_ bytes: [UInt8], _ random: inout SplitMix) -> [UInt8] {
        var bytes = bytes
        for _ in 0...random.below(5) where !bytes.isEmpty {
            // Headers decide most.
            let place = random.chance(2) ? random.below(min(bytes.count, 128)) : random.below(bytes.count)
            switch random.below(7) {
            case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
            case 1: bytes[place] ^= 1 << UInt8(random.below(8))
            case 2: for step in 0..<min(random.pick([2, 4, 8]), bytes.count - place) { bytes[place + step] = random.chance(2) ? 0xFF : 0x7F }
            case 3: bytes.removeSubrange(place..<min(bytes.count, place + random.below(16) + 1))
            case 4: bytes.insert(contentsOf: Array(bytes[place..<min(bytes.count, place + random.below(40) + 1)]), at: place)
            case 5: bytes[place] = random.pick(Array("0123456789-+eE.,:;[]{}()\"' \n\r\t<>|?bfiuOSTrueFalsnx".utf8))
            default: if random.chance(2) { bytes.removeSubrange(place...) }
            }
        }
        return bytes
    }
}
