public import Formats
public import Syntax

extension Diagnostic {
    /// The diagnostic for machines: an object with `code`, `severity`, `what`, then, where they are known, the place
    /// (`file`, `line`, `column`, `endLine`, `endColumn`, counted from 1 in code points, and the `label` there), `also`,
    /// `why`, `mend`, `fix` and `calls`.
    ///
    /// `also` and `calls` are lists of places with a `label`, `fix` is a list of places with a `replacement`.
    public var json: JSON {
        var members: [JSON.Member] = [
            .init("code", .string(code)), .init("severity", .string(severity == .error ? "error" : "warning")), .init("what", .string(what)),
        ]
        if let at { members += at.members }
        if !also.isEmpty { members.append(.init("also", .array(also.map { .object($0.members) }))) }
        if let why { members.append(.init("why", .string(why))) }
        if let mend { members.append(.init("mend", .string(mend))) }
        if !fix.isEmpty {
            members.append(.init("fix", .array(fix.map { .object($0.range.members + [.init("replacement", .string($0.replacement))]) })))
        }
        if !calls.isEmpty { members.append(.init("calls", .array(calls.map { .object($0.members) }))) }
        return .object(members)
    }
}

extension Label {
    fileprivate var members: [JSON.Member] { range.members + (text.isEmpty ? [] : [.init("label", .string(text))]) }
}

extension SourceRange {
    fileprivate var members: [JSON.Member] {
        let (line, column) = source.position(of: start)
        let (endLine, endColumn) = source.position(of: max(end, start))
        return [
            .init("file", .string(source.path)), .init("line", .int(line)), .init("column", .int(column)),
            .init("endLine", .int(endLine)), .init("endColumn", .int(endColumn)),
        ]
    }
}
