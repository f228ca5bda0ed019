internal import Language
internal import Syntax

/// What `tfs test` or `tfs run` found, for every form in which it can be told.
struct Report: Sendable {
    /// A test, or a file's own statements.
    struct Part: Sendable {
        /// `nil`: the file's own statements.
        var name: String?
        var line: Int
        var seconds: Double
        /// As the exit status of a run: 0, 1 (an `expect` failed), 2, 3, 130.
        var status: Int32
        var output: String
        var diagnostics: [Diagnostic]
        var measurements: Measurements

        var failed: Bool { status != 0 }
        var verdict: String {
            switch status {
            case 0: "passed"
            case Status.expectationFailed: "failed"
            case Status.interrupted: "interrupted"
            default: "error"
            }
        }
    }

    struct File: Sendable {
        var path: String
        /// The file's own statements first, then its tests in order.
        var parts: [Part] = []
        /// What its models take.
        var costs: [ModelCost] = []
        var seconds: Double { parts.reduce(0) { $0 + $1.seconds } }
    }

    /// `test` or `run`.
    var command: String
    var files: [File]
    var seconds: Double

    /// A part with the file it is in.
    typealias Place = (file: File, part: Part)
    private var parts: [Place] { files.flatMap { file in file.parts.map { (file, $0) } } }

    /// What is counted: every test, and a file's own statements where they failed or there is nothing else.
    var counted: [Place] { parts.filter { $0.part.name != nil || $0.part.failed || command == "run" } }
    var passed: Int { counted.count { !$0.part.failed } }
    var failures: [Place] { counted.filter(\.part.failed) }

    var gates: [(place: Place, gate: Measurements.Gate)] { parts.flatMap { place in place.part.measurements.gates.map { (place, $0) } } }
    var evaluations: [(place: Place, evaluation: Measurements.Evaluation)] {
        parts.flatMap { place in place.part.measurements.evaluations.map { (place, $0) } }
    }
}

extension SourceRange {
    /// The line on which it begins.
    var line: Int { source.line(at: start) }
    var position: (line: Int, column: Int) { source.position(of: start) }
    var endPosition: (line: Int, column: Int) { source.position(of: end) }
}

extension Measurements.Gate {
    /// The comparison as mathematics writes it.
    var sign: String {
        switch comparison {
        case .lessEqual: "≤"
        case .greaterEqual: "≥"
        case .equal: "="
        case .notEqual: "≠"
        default: comparison.rawValue
        }
    }
}

/// Text whose control characters can be seen (`\u{1B}`): neither XML nor Markdown may hold them.
func visible(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
        switch scalar.value {
        case 9, 10, 13: result.append(scalar)
        case ..<0x20, 0x7F..<0xA0, 0xFFFE, 0xFFFF: result += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}".unicodeScalars
        default: result.append(scalar)
        }
    }
    return String(result)
}

/// A number for people: so many significant digits, without an exponent where that reads well.
func shown(_ x: Double, digits: Int = 4) -> String {
    guard x.isFinite else { return x.isNaN ? "nan" : x < 0 ? "-inf" : "inf" }
    if x == x.rounded(), abs(x) < 1e15 { return String(Int(x)) }
    var scale = 0
    var magnitude = abs(x)
    while magnitude >= 10 { (magnitude, scale) = (magnitude / 10, scale + 1) }
    while magnitude < 1 { (magnitude, scale) = (magnitude * 10, scale - 1) }
    if scale < -4 || scale > 14 {
        let factor = power(digits - 1)
        return "\(x < 0 ? "-" : "")\((magnitude * factor).rounded() / factor)e\(scale)"
    }
    let places = max(digits - 1 - scale, 0)
    let factor = power(places)
    let rounded = (x * factor).rounded() / factor
    return rounded == rounded.rounded() ? String(Int(rounded)) : rounded.description
}

private func power(_ exponent: Int) -> Double { (0..<max(exponent, 0)).reduce(1.0) { product, _ in product * 10 } }
