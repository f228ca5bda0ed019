internal import Engine
internal import Graphs
internal import Syntax

/// Annotations against values: kinds, dtypes, and dimensions that must agree within one call.
extension Machine {
    func checkParameters(_ code: Code, _ regs: Registers) throws {
        var sizes = DimensionBindings(code: code, regs: regs)
        for (position, parameter) in code.parameters.enumerated() {
            guard let type = parameter.type else { continue }
            do {
                if parameter.isRest {
                    guard case .list(let list) = regs[position] else { continue }
                    for value in list.values { _ = try conform(value, to: type, parameter.name, code, &sizes) }
                } else {
                    let converted = try conform(regs[position], to: type, parameter.name, code, &sizes)
                    if let converted { regs[position] = converted }
                }
            } catch let fault as Fault {
                throw ArgumentFault(fault: fault, position: position)
            }
        }
    }

    func checkOption(_ option: OptionInfo, _ regs: Registers) throws {
        guard let type = option.type else { return }
        let code = frames[frames.count - 1].code
        var sizes = DimensionBindings(code: code, regs: regs)
        if let converted = try conform(regs[option.slot], to: type, option.name, code, &sizes, "the default of `\(option.name)`") { regs[option.slot] = converted }
    }

    func checkResult(_ code: Code, _ value: Value, _ regs: Registers) throws {
        guard let type = code.result else { return }
        var sizes = DimensionBindings(code: code, regs: regs)
        // The inputs' dimensions bind the names that the result's refer to.
        for (position, parameter) in code.parameters.enumerated() {
            guard let type = parameter.type, case .tensor(let tensor) = regs[position] else { continue }
            try? sizes.match(tensor.shape, type, "`\(parameter.name)`")
        }
        _ = try conform(value, to: type, nil, code, &sizes)
    }

    /// The value converted to the annotation, when it had to be (a list of numbers for a tensor); throws when it does
    /// not conform.
    private func conform(
        _ value: Value, to type: TypeSpec, _ name: String?, _ code: Code, _ sizes: inout DimensionBindings, _ what: String? = nil
    ) throws -> Value? {
        let what = what ?? name.map { "`\($0)` of `\(code.name)`" } ?? "the result of `\(code.name)`"
        if type.isOptional, value.isNone { return nil }
        var found = value
        var converted: Value?
        func wrong(_ mend: String? = nil) -> Fault {
            Fault.type(what, expected: article(type.text), found: value, mend: mend)
        }
        switch (type.base, value) {
        case (_, .unknown):
            try tryKinds(of: value) { _ = try conform($0, to: type, name, code, &sizes, what) }
            return nil
        case (.any, _): return nil
        case (.int, .int), (.float, .float), (.float, .int), (.bool, .bool), (.string, .string), (.list, .list), (.list, .range),
            (.record, .record), (.fn, .function), (.fn, .layer), (.layer, .layer), (.table, .table), (.dataset, .dataset),
            (.estimator, .estimator):
            return nil
        case (.int, .tensor(let tensor)) where tensor.rank == 0 && tensor.dtype.isInteger: return nil
        case (.layer, .function(let function)):
            switch function.kind {
            case .constructor, .dual: return nil
            default: throw wrong()
            }
        case (.fn, .string(let text)), (.layer, .string(let text)):
            throw wrong("write `\(text.string)` without quotes")
        case (.tensor, .int), (.tensor, .float), (.tensor, .bool), (.tensor, .list), (.tensor, .range):
            found = .tensor(try tensor(value, what))
            converted = found
        case (.tensor, .tensor): break
        default: throw wrong()
        }
        guard case .tensor(let kind) = type.base, case .tensor(let tensor) = found else { return nil }
        switch kind {
        case .any: break
        case .anyFloat:
            if !tensor.dtype.isFloat {
                // A number that a script writes as `1` is as good as `1.0`.
                if converted != nil, tensor.dtype.isInteger {
                    converted = .tensor(try cast(tensor, to: .f32))
                } else {
                    throw Fault(
                        "E0207", "\(what) must be of floats, found `\(tensor.dtype)`", mend: "cast it: `cast(x, f32)`")
                }
            }
        case .anyInteger:
            if !tensor.dtype.isInteger {
                throw Fault("E0207", "\(what) must be of integers, found `\(tensor.dtype)`", mend: "cast it: `cast(x, i32)`")
            }
        // What is annotated `f32` computes in another precision while that is in force.
        case .exactly(let dtype) where dtype.isFloat && tensor.dtype == precision: break
        case .exactly(let dtype):
            if tensor.dtype != dtype {
                if converted != nil {
                    converted = .tensor(try cast(tensor, to: dtype))
                } else {
                    throw Fault("E0207", "\(what) must be `\(dtype)`, found `\(tensor.dtype)`", mend: "cast it: `cast(x, \(dtype))`")
                }
            }
        }
        try sizes.match(tensor.shape, type, name.map { "`\($0)`" } ?? "the result")
        return converted
    }

    private func article(_ text: String) -> String {
        guard let first = text.first else { return text }
        return ("aeiou".contains(first) ? "an " : "a ") + (text.hasPrefix("f") || !text.contains("[") ? "`\(text)`" : "`\(text)`")
    }
}

/// What the names of dimensions stand for in one call.
struct DimensionBindings {
    private let code: Code
    private let regs: Registers
    private var bound: [String: (size: Int, origin: String)] = [:]

    init(code: Code, regs: Registers) { (self.code, self.regs) = (code, regs) }

    /// Holds a shape against an annotation's dimensions.
    mutating func match(_ shape: Shape, _ type: TypeSpec, _ name: String) throws {
        guard let dimensions = type.dimensions else { return }
        let hasEllipsis = dimensions.contains { if case .ellipsis = $0 { true } else { false } }
        let fixed = dimensions.filter { if case .ellipsis = $0 { false } else { true } }
        guard hasEllipsis ? shape.count >= fixed.count : shape.count == fixed.count else {
            throw Fault(
                "E0202", "\(name) of `\(code.name)` must have shape `\(shapeText(type))`, found \(shape.text)",
                why: hasEllipsis ? "at least \(axes(fixed.count)) needed" : "\(axes(fixed.count)) needed, \(shape.count) there")
        }
        let sizes = hasEllipsis ? Array(shape.suffix(fixed.count)) : shape
        for (axis, (dimension, size)) in zip(fixed, sizes).enumerated() {
            guard size >= 0 else { continue }
            let place = "axis \(axis + shape.count - sizes.count) of \(name)"
            switch dimension {
            case .any, .ellipsis: continue
            case .number(let expected):
                if size != expected {
                    throw Fault(
                        "E0204", "\(place) of `\(code.name)` must be \(expected), found \(size)",
                        why: "\(name) is declared as `\(shapeText(type))` and has shape \(shape.text)")
                }
            case .name(let symbol):
                if let position = code.parameters.firstIndex(where: { $0.name == symbol }), case .int(let value) = regs[position] {
                    if value != size {
                        throw Fault(
                            "E0204", "\(place) of `\(code.name)` must be `\(symbol)`, \(value), found \(size)",
                            why: "\(name) is declared as `\(shapeText(type))` and has shape \(shape.text)")
                    }
                } else if let known = bound[symbol] {
                    if known.size != size {
                        throw Fault(
                            "E0204", "`\(symbol)` of `\(code.name)` is \(known.size) in \(known.origin) and \(size) in \(place)",
                            why: "\(name) is declared as `\(shapeText(type))` and has shape \(shape.text)")
                    }
                } else {
                    bound[symbol] = (size, place)
                }
            }
        }
    }

    private func axes(_ count: Int) -> String { count == 1 ? "1 axis is" : "\(count) axes are" }
    private func shapeText(_ type: TypeSpec) -> String { type.text }
}
