import Engine
import Glibc
import Graphs
import Testing

/// Ops against the values that `golden/make.py` had from NumPy.
@Suite struct GoldenTests {
    struct Case: CustomTestStringConvertible, Sendable {
        struct Values: Sendable {
            let type: TensorType
            let elements: [Double]
        }
        let line: Int
        let name: String
        var attributes: [String: Attribute] = [:]
        var inputs: [Values] = []
        var results: [Values] = []
        var testDescription: String { "\(name), line \(line)" }
    }

    @Test(arguments: read())
    func agreesWithNumPy(_ test: Case) throws {
        let inputs = try test.inputs.map {
            try op("cast", .make($0.elements, $0.type.shape), with: ["dtype": .dtype($0.type.dtype)])
        }
        let results = try ops(test.name, inputs, with: test.attributes)
        for (result, expected) in zip(results, test.results) {
            #expect(result.type == expected.type)
            for (i, (x, y)) in zip(try result.doubles, expected.elements).enumerated() {
                #expect(isClose(x, y, 1e-12), "element \(i): \(x) and \(y)")
            }
        }
    }

    static func read() -> [Case] {
        var cases: [Case] = []
        for (number, line) in text().split(separator: "\n").enumerated() {
            let words = line.split(separator: " ")
            if words[0] == "op" {
                cases.append(Case(line: number + 1, name: String(words[1])))
                for word in words[2...] {
                    let parts = word.split(separator: "=", maxSplits: 1)
                    cases[cases.count - 1].attributes[String(parts[0])] = attribute(parts[1])
                }
            } else {
                let shape = words[2] == "-" ? [] : words[2].split(separator: ",").map { Int($0)! }
                let values = Case.Values(type: TensorType(DType(name: String(words[1]))!, shape), elements: words[3...].map { Double($0)! })
                if words[0] == "in" { cases[cases.count - 1].inputs.append(values) } else { cases[cases.count - 1].results.append(values) }
            }
        }
        return cases
    }

    private static func attribute(_ text: Substring) -> Attribute {
        let parts = text.split(separator: ":", maxSplits: 1)
        switch parts[0] {
        case "bool": return .bool(parts[1] == "true")
        case "int": return .int(Int(parts[1])!)
        case "float": return .float(Double(parts[1])!)
        case "string": return .string(String(parts[1]))
        default: return .ints(parts[1].split(separator: ",").map { Int($0)! })
        }
    }

    private static func text() -> String {
        let path = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/") + "/golden/numpy.txt"
        guard let file = unsafe fopen(path, "r") else { return "" }
        defer { unsafe fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while case let count = unsafe fread(&chunk, 1, chunk.count, file), count > 0 { bytes += chunk[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }
}
