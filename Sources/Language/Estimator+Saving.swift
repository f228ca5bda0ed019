internal import Datasets
internal import Engine
internal import Formats
internal import Graphs
internal import Syntax
internal import Training

/// Saved estimators (`.tfm`): a safetensors file whose metadata holds tfs source and what was learned besides tensors.
extension Machine {
    // MARK: Saving

    func saveEstimator(_ estimator: Estimator, to path: String) throws {
        guard let fitted = estimator.fitted else {
            throw Fault.nothingToSave(estimator.name)
        }
        let (name, source) = try sourceSlice(of: estimator)
        var tensors: [SafeTensors.Entry] = []
        var types: [JSON] = []
        if let layer = try model(of: estimator), !estimator.isWhole {
            let parameters = allParameters(layer, fitted)
            for (parameter, name) in zip(parameters, savedNames(parameters, of: layer)) {
                tensors.append(SafeTensors.Entry(name: name, array: try array(parameter.value)))
            }
        }
        var learned: [JSON.Member] = []
        if case .record(let record)? = fitted.learned {
            for (field, value) in zip(record.names, record.values) {
                switch value {
                case .tensor(let tensor):
                    tensors.append(SafeTensors.Entry(name: "learned/" + field, array: try array(tensor)))
                    learned.append(JSON.Member(field, .string("tensor")))
                case .int(let x): learned.append(JSON.Member(field, .int(x)))
                case .float(let x): learned.append(JSON.Member(field, .number(x)))
                default: continue
                }
            }
        }
        for type in savedInputTypes(fitted) { types.append(.string(type)) }
        var members: [JSON.Member] = [JSON.Member("inputs", .array(types)), JSON.Member("learned", .object(learned))]
        if let space = fitted.space { members.append(JSON.Member("features", space.json)) }
        if let label = fitted.labelName { members.append(JSON.Member("label", .string(label))) }
        switch fitted.labels {
        case .plain: break
        case .classes(let classes): members.append(JSON.Member("classes", classes.json))
        case .standardized(let mean, let deviation):
            members.append(JSON.Member("label_mean", .number(mean)))
            members.append(JSON.Member("label_deviation", .number(deviation)))
        }
        if let width = fitted.labelWidth { members.append(JSON.Member("label_width", .int(width))) }
        if let examples = fitted.examples { members.append(JSON.Member("examples", .int(examples))) }
        members.append(JSON.Member("history", .object(estimator.history.names.map { name in
            JSON.Member(name, .array((estimator.history.values[name] ?? []).map { .number($0) }))
        })))
        try SafeTensors.write(
            SafeTensors.Contents(
                tensors: tensors,
                metadata: [
                    ("format", "tfm 1"), ("name", name), ("source", source), ("fitted", JSON.object(members).text()),
                    ("seed", String(random.seed)),
                ]), to: path)
    }

    /// The names of a layer's parameters in a file: their paths from the layer on. What stands before depends on what
    /// else the script made; of layers that it uses but does not own that part is `shared_1`, `shared_2` …
    private func savedNames(_ parameters: [LayerParameter], of layer: Layer) -> [String] {
        var roots: [String: String] = [:]
        return parameters.map { parameter in
            if parameter.path.hasPrefix(layer.path + "/") { return String(parameter.path.dropFirst(layer.path.count + 1)) }
            let root = String(parameter.path.prefix { $0 != "/" })
            let name = roots[root] ?? "shared_\(roots.count + 1)"
            roots[root] = name
            return name + parameter.path.dropFirst(root.count)
        }
    }

    private func savedInputTypes(_ fitted: Fitted) -> [String] {
        fitted.inputTypes.map { "\($0.dtype) " + $0.shape.map(String.init).joined(separator: ",") }
    }

    /// The part of the script that makes the estimator: its statement and those that give values to the names in it.
    ///
    /// Numbers, strings and lists of them are written as they are now, so that loading reads no data.
    private func sourceSlice(of estimator: Estimator) throws -> (name: String, source: String) {
        guard let module = frames.first(where: { !$0.module.isStandard })?.module,
            let name = module.slots.first(where: { _, slot in
                if case .estimator(let other) = module.registers[slot] { return other === estimator }
                return false
            })?.key
        else {
            throw Fault(
                "E0465", "only an estimator that has a name at the file's top level can be saved", mend: "give it one: `m = …`")
        }
        var wanted: [String] = [name]
        var seen: Set<String> = []
        var chosen: Set<Int> = []
        var literals: [(name: String, text: String)] = []
        let statements = module.statements
        while let next = wanted.popLast() {
            guard seen.insert(next).inserted, let slot = module.slots[next] else { continue }
            let value = module.registers[slot]
            if let text = literal(value) {
                literals.append((next, text))
                continue
            }
            guard let index = statements.lastIndex(where: { $0.names.contains(next) }) else { continue }
            switch value {
            case .tensor, .table, .dataset:
                throw Fault(
                    "E0466", "`\(name)` uses `\(next)`, \(value.described), which a saved estimator cannot hold",
                    mend: "pass what the model needs as numbers or lists")
            default: break
            }
            chosen.insert(index)
            wanted += identifiers(in: statements[index].text)
        }
        var lines = literals.sorted { $0.name < $1.name }.map { "\($0.name) = \($0.text)" }
        lines += chosen.sorted().map { statements[$0].text }
        return (name, lines.joined(separator: "\n"))
    }

    /// A plain value as source; `nil` for what has identity or code.
    private func literal(_ value: Value) -> String? {
        switch value {
        case .none, .bool, .int, .float, .string, .range: return value.written
        case .list(let list): return list.values.allSatisfy { literal($0) != nil } ? value.written : nil
        case .record(let record): return record.values.allSatisfy { literal($0) != nil } ? value.written : nil
        case .dtype(let dtype): return dtype.description
        default: return nil
        }
    }

    private func identifiers(in text: String) -> [String] {
        var words: [String] = []
        var word = ""
        for scalar in text.unicodeScalars {
            if scalar.properties.isAlphabetic || scalar == "_" || (!word.isEmpty && scalar.properties.numericType != nil) {
                word.unicodeScalars.append(scalar)
            } else if !word.isEmpty {
                words.append(word)
                word = ""
            }
        }
        if !word.isEmpty { words.append(word) }
        return words
    }

    // MARK: Loading

    func loadEstimator(_ path: String) throws -> Estimator {
        let contents = try SafeTensors.read(path)
        func metadata(_ name: String) -> String? { contents.metadata.first { $0.name == name }?.value }
        guard metadata("format") == "tfm 1", let source = metadata("source"), let name = metadata("name"),
            let text = metadata("fitted"), let json = try? JSON.parse(text, path: path)
        else {
            throw Fault("E0467", "\(path) is no saved estimator", mend: "save one with `estimator.save(\"m.tfm\")`")
        }
        var found: [Diagnostic] = []
        let counts = session.layerCounts
        session.layerCounts = [:]
        defer { session.layerCounts = counts }
        let saved = (applications, constructions, defaults, random)
        (applications, constructions, defaults) = ([], [], [])
        if let seed = metadata("seed").flatMap({ Int($0) }) { random = RandomStream(seed: seed) }
        defer { (applications, constructions, defaults, random) = saved }
        let made = session.compile(SourceText(path: path, text: source), isStandard: false, diagnostics: &found)
        if let first = found.first { throw first }
        made.module.isSealed = true
        session.knowsSealed = true
        _ = try run(made.code, in: made.module)
        guard let slot = made.module.slots[name], case .estimator(let estimator) = made.module.registers[slot] else {
            throw Fault("E0467", "the source in \(path) does not make `\(name)`")
        }
        var labels = LabelCoding.plain
        if let classes = json["classes"].flatMap({ LabelSpace(json: $0) }) { labels = .classes(classes) }
        if let mean = json["label_mean"]?.double, let deviation = json["label_deviation"]?.double {
            labels = .standardized(mean: mean, deviation: deviation)
        }
        let fitted = Fitted(
            space: json["features"].flatMap { FeatureSpace(json: $0) }, labels: labels, labelName: json["label"]?.string)
        fitted.labelWidth = json["label_width"]?.int
        fitted.examples = json["examples"]?.int
        try complete(
            estimator,
            Glimpse(labelWidth: .int(fitted.labelWidth ?? 1), examples: fitted.examples.map { .int($0) } ?? .float(.infinity)))
        if let space = fitted.space { fitted.embeddings = try embeddings(of: space, for: estimator) }
        estimator.fitted = fitted
        for member in json["history"]?.members ?? [] {
            for value in member.value.array ?? [] { estimator.history.add([(member.name, value.double ?? .nan)]) }
        }
        let tensors = Dictionary(contents.tensors.map { ($0.name, $0.array) }, uniquingKeysWith: { $1 })
        if estimator.isWhole {
            var fields: [(String, Value)] = []
            for member in json["learned"]?.members ?? [] {
                if let array = tensors["learned/" + member.name] {
                    fields.append((member.name, .tensor(Tensor.data(array))))
                } else if let x = member.value.int {
                    fields.append((member.name, .int(x)))
                } else if let x = member.value.double {
                    fields.append((member.name, .float(x)))
                }
            }
            fitted.learned = .record(fields)
            return estimator
        }
        guard let layer = try model(of: estimator) else { return estimator }
        fitted.inputTypes = (json["inputs"]?.array ?? []).compactMap { item in
            let parts = (item.string ?? "").split(separator: " ", omittingEmptySubsequences: false)
            guard parts.count == 2, let dtype = DType(name: String(parts[0])) else { return nil }
            return TensorType(dtype, parts[1].split(separator: ",").compactMap { Int($0) })
        }
        try buildFromTypes(estimator, fitted, layer)
        let parameters = allParameters(layer, fitted)
        try assign(tensors, to: parameters, named: savedNames(parameters, of: layer), from: path)
        return estimator
    }

    /// Makes the parameters by an application to arguments of the types that `fit` saw.
    private func buildFromTypes(_ estimator: Estimator, _ fitted: Fitted, _ layer: Layer) throws {
        guard !fitted.inputTypes.isEmpty else { return try build(layer) }
        traceDepth += 1
        defer { traceDepth -= 1 }
        var inputs = fitted.inputTypes.map { Value.tensor(.argument(TensorType($0.dtype, [1] + $0.shape))) }
        if fitted.space != nil {
            var parts = [inputs[0]]
            for (embedding, ids) in zip(fitted.embeddings, inputs.dropFirst()) { parts.append(try apply(embedding, [ids], [])) }
            inputs = [parts.count == 1 ? parts[0] : try apply(op("concat"), [.list(parts)], [("axis", .int(-1))])]
        }
        _ = try apply(layer, inputs, [])
        pendingUpdates = []
        addedLosses = []
    }

    // MARK: Weights

    private func array(_ tensor: Tensor) throws -> NumericArray {
        guard let array = try tensor.numericArray() else { throw Fault("E0468", "a tensor \(tensor.type) cannot be written") }
        return array
    }

    func saveWeights(of layer: Layer, to path: String) throws {
        try build(layer)
        let parameters = layer.collect()
        if parameters.isEmpty {
            throw Fault(
                "E0468", "`\(layer.path)` has no parameters yet", why: "they are made when the layer is first applied",
                mend: "apply it, or begin the model with `input(…)`")
        }
        try SafeTensors.write(
            SafeTensors.Contents(
                tensors: try zip(savedNames(parameters, of: layer), parameters).map { SafeTensors.Entry(name: $0, array: try array($1.value)) },
                metadata: [("format", "tfs weights 1")]), to: path)
    }

    func loadWeights(of layer: Layer, from path: String) throws {
        try build(layer)
        let contents = try SafeTensors.read(path)
        let parameters = layer.collect()
        if parameters.isEmpty {
            throw Fault(
                "E0468", "`\(layer.path)` has no parameters yet", why: "they are made when the layer is first applied",
                mend: "apply it, or begin the model with `input(…)`")
        }
        try assign(
            Dictionary(contents.tensors.map { ($0.name, $0.array) }, uniquingKeysWith: { $1 }), to: parameters,
            named: savedNames(parameters, of: layer), from: path)
    }

    /// Gives parameters the values of a file, which must have the same names and shapes.
    private func assign(
        _ arrays: [String: NumericArray], to parameters: [LayerParameter], named names: [String], from path: String
    ) throws {
        var differences: [String] = []
        for (parameter, name) in zip(parameters, names) {
            if let array = arrays[name] {
                if array.shape != parameter.type.shape {
                    differences.append("`\(name)` is \(parameter.type.shape.text) here and \(array.shape.text) in the file")
                }
            } else {
                differences.append("`\(name)` is not in the file")
            }
        }
        let known = Set(names)
        for name in arrays.keys.sorted() where !known.contains(name) { differences.append("`\(name)` is in the file only") }
        if !differences.isEmpty {
            throw Fault(
                "E0469", "\(path) does not fit the model: " + differences.prefix(6).joined(separator: "; ")
                    + (differences.count > 6 ? "; and \(differences.count - 6) more" : ""))
        }
        for (parameter, name) in zip(parameters, names) {
            if let array = arrays[name] { parameter.value = try cast(Tensor.data(array), to: parameter.type.dtype) }
        }
    }
}
