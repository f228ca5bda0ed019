internal import Engine
internal import Graphs
internal import Syntax

/// The check of a whole file.
extension Machine {
    /// Runs the check over a file: every statement, and then the functions that nothing called.
    func checkFile(_ code: Code, _ module: Module) -> [Diagnostic] {
        var found: [Diagnostic] = []
        if module.registerCapacity < code.registerCount { module.grow(to: code.registerCount) }
        var start = 0
        let end = code.instructions.count
        code.wasChecked = true
        let file = Function(code.name, .code(code, captures: [], module: module))
        defer { withExtendedLifetime(file) {} }
        while start < end {
            pushFrame(file, registers: module.registers, pc: start, onStack: false)
            do {
                _ = try loop(Checking.self, region: start..<end)
                unwind(to: 0)
                break
            } catch {
                check.hasFailed = true
                let described = describe(error, above: 0)
                if let diagnostic = described as? Diagnostic, isSureOfFault { found.append(diagnostic) }
                let pc = frames.first?.pc ?? end
                unwind(to: 0)
                resetCheck()
                guard let statement = code.statements.first(where: { $0.start <= pc && pc < $0.end }) else { break }
                for register in statement.assigned { module.registers[register] = .unknown }
                start = statement.end
            }
            if found.count > 50 { break }
        }
        found += checkUncalled(code, module)
        return found
    }

    /// Whether what has just failed would fail at the run. Beyond the budget calls give nothing, which functions of the standard
    /// library need not be prepared for.
    private var isSureOfFault: Bool { check.steps <= CheckState.budget || frames.last?.module.isStandard != true }

    /// Whether an estimator is used on the straight way through the file and nothing on it can have fitted it: the run
    /// will find it so as well.
    func isSurelyUnfitted(_ estimator: Estimator) -> Bool {
        guard isCheck, estimator.fitted == nil, check.attempted[ObjectIdentifier(estimator)] == nil, !check.hasFailed,
            check.regionDepths.isEmpty, check.steps <= CheckState.budget, let file = frames.first?.code, file.kind == .file
        else { return false }
        return !file.hasUnseenFit
    }

    private func resetCheck() {
        defaults = []
        applications = []
        constructions = []
        substitutions = [:]
        pendingUpdates = []
        addedLosses = []
        traceDepth = 0
        isTraining = false
        check.regionDepths = []
        check.fits = []
        glimpses = []
    }

    /// Functions and layers that the script never called, tried with what their annotations say.
    private func checkUncalled(_ code: Code, _ module: Module) -> [Diagnostic] {
        var found: [Diagnostic] = []
        func attempt(_ body: () throws -> Void) {
            do {
                try body()
            } catch {
                if let diagnostic = describe(error, above: 0) as? Diagnostic, isSureOfFault { found.append(diagnostic) }
            }
            unwind(to: 0)
            resetCheck()
        }
        for (nested, sources) in zip(code.codes, code.captures) where !nested.wasChecked && nested.kind == .function {
            let arguments = nested.parameters.map(exampleArgument)
            let captures = sources.map { source -> Value in
                switch source {
                case .register(let slot), .global(let slot):
                    if case .unset = module.registers[slot] { return .unknown }
                    return module.registers[slot]
                case .capture, .itself: return .unknown
                }
            }
            attempt { _ = try invoke(nested, arguments, captures: captures, module: module) }
        }
        for test in module.tests where !test.code.wasChecked {
            attempt { _ = try invoke(test.code, [], captures: [], module: module) }
        }
        for info in code.declarations where info.kind != .estimator && !info.isSingleValue {
            guard let body = info.body, !body.wasChecked, info.bodyCaptures.isEmpty, info.configurationCaptures.isEmpty else { continue }
            attempt {
                let constructor = Constructor(info: info, module: module, configurationCaptures: [], bodyCaptures: [])
                let arguments = info.configuration.parameters.map(exampleArgument)
                let layer = Layer(
                    constructor: constructor, configuration: [], path: info.name, seed: 0, trainable: true, dtype: .f32, defaults: [])
                guard case .list(let list) = try invoke(
                    info.configuration, arguments, captures: [], module: module)
                else { return }
                layer.configuration = Array(list.values)
                _ = try apply(layer, body.parameters.dropFirst(list.values.count).map(exampleArgument), [])
            }
        }
        return found
    }

    /// A value of which only the annotation is known.
    private func exampleArgument(_ parameter: ParameterInfo) -> Value {
        if parameter.hasDefault { return .unset }
        if parameter.isRest { return .unknown }
        guard let type = parameter.type, case .tensor(let kind) = type.base, let dimensions = type.dimensions else { return .unknown }
        var dtype = DType.f32
        switch kind {
        case .exactly(let exact): dtype = exact
        case .anyInteger: dtype = .i32
        case .any: return .unknown
        case .anyFloat: break
        }
        var shape: Shape = []
        for dimension in dimensions {
            switch dimension {
            case .number(let size): shape.append(size)
            case .name, .any: shape.append(-1)
            case .ellipsis: return .unknown
            }
        }
        return .tensor(.unknown(TensorType(dtype, shape)))
    }
}

extension Code {
    /// Whether a function in it that the check has not come to calls `fit`.
    fileprivate var hasUnseenFit: Bool {
        codes.contains { code in !code.wasChecked && code.callSites.contains { $0.method == "fit" } || code.hasUnseenFit }
    }
}
