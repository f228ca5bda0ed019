internal import Datasets
internal import Engine
internal import Graphs
internal import Syntax

/// Indexing and slicing, of tensors as NumPy has it.
extension Machine {
    /// `base[position]` for one index that is no slice.
    func index(_ base: Value, _ position: Value) throws -> Value {
        switch (base, position) {
        case (.unknown(let kinds), _):
            try tryKinds(of: base) { _ = try index($0, position) }
            return kinds.element
        case (.tensor, _): return try subscripts(base, [.index(position)])
        case (_, .unknown):
            try tryKinds(of: position) { _ = try index(base, $0) }
            return base.kinds.element
        case (.list(let list), .int(let i)):
            guard let place = resolve(i, list.values.count) else {
                if isCheck { return .unknown }
                throw Fault.index(i, count: list.values.count, of: "list")
            }
            return list.values[place]
        case (.range(let range), .int(let i)):
            guard let place = resolve(i, range.count) else {
                if isCheck { return .unknown }
                throw Fault.index(i, count: range.count, of: "range")
            }
            return .int(range[place])
        case (.string(let text), .int(let i)):
            guard let place = resolve(i, text.count) else {
                if isCheck { return .unknown }
                throw Fault.index(i, count: text.count, of: "string")
            }
            return .string(text.character(at: place))
        case (.bytes(let bytes), .int(let i)):
            guard let place = resolve(i, bytes.array.count) else { throw Fault.index(i, count: bytes.array.count, of: "value of bytes") }
            return .int(Int(bytes.array[place]))
        case (.record(let record), .string(let name)):
            guard let value = record[name.string] else {
                if isCheck { return .unknown }
                throw Fault.noField(name.string, of: base, known: record.names)
            }
            return value
        case (.record(let record), .int(let i)):
            guard let place = resolve(i, record.values.count) else {
                throw Fault.index(i, count: record.values.count, of: "record")
            }
            return record.values[place]
        case (.table, .string): return try tableVerb("column", base, [position], [])
        case (.table(let table), _): return try rows(table, position)
        case (.list, .tensor(let tensor)), (.range, .tensor(let tensor)), (.string, .tensor(let tensor)):
            guard tensor.rank == 0, tensor.dtype.isInteger else { break }
            guard let i = try look(tensor, "an index", { try $0.elements(as: Int.self)[0] }) else { return .unknown }
            return try index(base, .int(i))
        default: break
        }
        switch base {
        case .list, .range, .string, .bytes: throw Fault.type("an index", expected: "an int", found: position)
        case .record: throw Fault.type("an index of a record", expected: "a field's name or place", found: position)
        default: throw Fault("E0423", "\(base.described) cannot be indexed")
        }
    }

    private func resolve(_ index: Int, _ count: Int) -> Int? {
        let place = index < 0 ? index + count : index
        return place >= 0 && place < count ? place : nil
    }

    enum Subscription {
        case index(Value)
        case slice(Value?, Value?, Value?)
        case ellipsis
    }

    /// `base[…]` with slices, several indices, `...` or `none`.
    func subscripts(_ base: Value, _ parts: [Subscription]) throws -> Value {
        if case .unknown(let kinds) = base {
            try tryKinds(of: base) { _ = try subscripts($0, parts) }
            // A part of a string or list is one; of what else there is, it depends on what it is.
            return kinds.contains(.other) ? .unknown : .unknown(kinds.intersection([.string, .list, .texts]))
        }
        guard case .tensor(let tensor) = base else {
            guard parts.count == 1, case .slice(let start, let stop, let step) = parts[0] else {
                if parts.count == 1, case .index(let position) = parts[0] { return try index(base, position) }
                throw Fault("E0423", "\(base.described) takes one index")
            }
            return try slice(base, start, stop, step)
        }
        return try tensorSubscripts(tensor, parts)
    }

    /// `base[start:stop:step]` of anything but a tensor.
    func slice(_ base: Value, _ start: Value?, _ stop: Value?, _ step: Value?) throws -> Value {
        if start?.isUnknown ?? false || stop?.isUnknown ?? false || step?.isUnknown ?? false { return .unknown }
        let count: Int
        switch base {
        case .list(let list): count = list.values.count
        case .range(let range): count = range.count
        case .string(let text): count = text.count
        case .bytes(let bytes): count = bytes.array.count
        case .table(let table):
            if isCheck { return .table(TableValue(table.table.withRows(table.table.known?.any))) }
            count = table.table.count ?? 0
        default: throw Fault("E0423", "\(base.described) cannot be sliced")
        }
        let (begin, end, stride) = try bounds(start, stop, step, count)
        if stride == 1 {
            let places = begin..<max(begin, end)
            if case .list(let list) = base { return .list(List(list.values[places])) }
            if case .string(let text) = base { return .string(text.part(places)) }
        }
        let places = Swift.stride(from: begin, to: end, by: stride)
        switch base {
        case .list(let list): return .list(List(places.map { list.values[$0] }))
        case .range(let range):
            // A part of a range is one, and not stored either.
            if let part = RangeList(from: begin, to: end, by: stride) {
                let (step, overflow) = range.step.multipliedReportingOverflow(by: part.count > 1 ? stride : 1)
                if !overflow { return .range(RangeList(start: range[part.start], step: step, count: part.count)) }
            }
            return .list(List(places.map { .int(range[$0]) }))
        case .string(let text):
            let points = text.codePoints
            return .string(String(String.UnicodeScalarView(places.map { points[$0] })))
        case .bytes(let bytes): return .bytes(Bytes(places.map { bytes.array[$0] }))
        case .table(let table): return .table(TableValue(table.table.gathering(Array(places))))
        default: return base
        }
    }

    /// Python's rule for the bounds of a slice.
    private func bounds(_ start: Value?, _ stop: Value?, _ step: Value?, _ count: Int) throws -> (Int, Int, Int) {
        func int(_ value: Value?) throws -> Int? {
            switch value {
            case nil, Value.none?: return nil
            case .int(let x)?: return x
            case .tensor(let tensor)? where tensor.rank == 0 && tensor.dtype.isInteger:
                return try look(tensor, "a slice") { try $0.elements(as: Int.self)[0] }
            case let value?: throw Fault.type("a bound of a slice", expected: "an int", found: value)
            }
        }
        let given = try int(step) ?? 1
        if given == 0 { throw Fault("E0424", "the step of a slice must not be 0") }
        // A step over the whole leads out of it, however far; a smaller one can be multiplied by strides.
        let most = max(count, 1)
        let stride = min(max(given, -most), most)
        func clamp(_ value: Int?, _ missing: Int) -> Int {
            guard let value else { return missing }
            let place = value < 0 ? value &+ count : value
            return stride > 0 ? min(max(place, 0), count) : min(max(place, -1), count - 1)
        }
        return stride > 0
            ? (clamp(try int(start), 0), clamp(try int(stop), count), stride)
            : (clamp(try int(start), count - 1), clamp(try int(stop), -1), stride)
    }

    /// The part at ints and slices, where it needs no more than copying.
    private func present(_ tensor: Tensor, _ parts: [Subscription]) -> Tensor? {
        let whole = tensor.shape
        // Elements from one place of the last axis met to the next.
        guard var stride = tensor.count, stride > 0 else { return nil }
        var (axis, place, shape, strides) = (0, 0, Shape(), [Int]())
        for part in parts {
            if case .index(.none) = part {
                shape.append(1)
                strides.append(0)
                continue
            }
            guard axis < whole.count else { return nil }
            stride /= whole[axis]
            switch part {
            case .index(.int(let index)):
                guard let index = resolve(index, whole[axis]) else { return nil }
                place += index * stride
            case .slice(let start, let stop, let step):
                guard let (start, stop, step) = try? bounds(start, stop, step, whole[axis]) else { return nil }
                place += start * stride
                shape.append(max(0, (stop - start + step - step.signum()) / step))
                strides.append(step * stride)
            case .index, .ellipsis: return nil
            }
            axis += 1
        }
        for size in whole[axis...] {
            stride /= size
            shape.append(size)
            strides.append(stride)
        }
        return tensor.part(at: place, shape, strides: strides)
    }

    /// NumPy's indexing: ints and slices as one strided slice, then one array index or mask by gathering.
    private func tensorSubscripts(_ tensor: Tensor, _ parts: [Subscription]) throws -> Value {
        if !isCheck, let part = present(tensor, parts) { return .tensor(part) }
        if parts.count == 1, case .index(.tensor(let indices)) = parts[0], indices.dtype.isInteger, indices.rank > 0, tensor.rank > 0 {
            return try gather(tensor, indices, along: 0)
        }
        // It may be an int, a mask or an array: the result's rank is not known.
        for case .index(.unknown) in parts { return .unknown }
        let consumed = parts.reduce(0) { count, part in
            switch part {
            case .index(.none), .ellipsis: count
            case .index(.tensor(let mask)) where mask.dtype == .bool: count + mask.rank
            default: count + 1
            }
        }
        if consumed > tensor.rank {
            throw Fault("E0202", "a tensor of shape \(tensor.shape.text) takes \(tensor.rank) indices, found \(consumed)")
        }
        var axis = 0
        var begin: [Int] = [], end: [Int] = [], step: [Int] = []
        /// The axes of the result: kept (size from the slice), dropped, new, or gathered by an index.
        enum Plan { case keep, drop, new, gather(Value) }
        var plan: [Plan] = []
        var isUnknown = false
        var hasEllipsis = false
        func keepWhole() {
            begin.append(0)
            end.append(tensor.shape[axis])
            step.append(1)
            plan.append(.keep)
            axis += 1
        }
        var unknownAxes: Set<Int> = []
        for part in parts {
            switch part {
            case .ellipsis:
                if hasEllipsis { throw Fault("E0425", "an index may have one `...`") }
                hasEllipsis = true
                for _ in 0..<(tensor.rank - consumed) { keepWhole() }
            case .index(.none): plan.append(.new)
            case .index(.int(let i)):
                let size = tensor.shape[axis]
                if size >= 0 {
                    guard let place = resolve(i, size) else {
                        throw Fault(
                            "E0406", "index \(i) is outside axis \(axis) of shape \(tensor.shape.text)",
                            mend: size > 0 ? "indices go from 0 to \(size - 1), or from -\(size) to -1" : nil)
                    }
                    begin.append(place)
                    end.append(place + 1)
                } else {
                    isUnknown = true
                    begin.append(0)
                    end.append(1)
                }
                step.append(1)
                plan.append(.drop)
                axis += 1
            case .slice(let start, let stop, let stride):
                let size = tensor.shape[axis]
                let isOpen = [start, stop, stride].allSatisfy { $0 == nil || $0!.isNone }
                if isOpen {
                    keepWhole()
                } else if size < 0 || [start, stop, stride].contains(where: { $0?.isUnknown ?? false }) {
                    unknownAxes.insert(axis)
                    isUnknown = true
                    begin.append(0)
                    end.append(size)
                    step.append(1)
                    plan.append(.keep)
                    axis += 1
                } else {
                    let (b, e, s) = try bounds(start, stop, stride, size)
                    begin.append(b)
                    end.append(e)
                    step.append(s)
                    plan.append(.keep)
                    axis += 1
                }
            case .index(let value):
                if case .tensor(let scalar) = value, scalar.rank == 0, scalar.dtype.isInteger, scalar.availability == .available {
                    let i = try scalar.elements(as: Int.self)[0]
                    return try tensorSubscripts(tensor, parts.map { p in
                        if case .index(.tensor(let t)) = p, t === scalar { .index(.int(i)) } else { p }
                    })
                }
                if case .tensor(let mask) = value, mask.dtype == .bool {
                    if parts.count == 1 { return try apply(op("boolean_mask"), [.tensor(tensor), value]) }
                    guard mask.rank == 1 else {
                        throw Fault("E0425", "a mask beside other indices must have rank 1", mend: "index twice: `x[mask][…]`")
                    }
                }
                if case .list(let list) = value, list.values.allSatisfy({ if case .bool = $0 { true } else { false } }), !list.values.isEmpty {
                    let mask = Value.tensor(try self.tensor(value, "a mask"))
                    return try tensorSubscripts(tensor, parts.map { p in
                        if case .index(.list(let l)) = p, l === list { .index(mask) } else { p }
                    })
                }
                switch value {
                case .tensor(let indices) where indices.dtype.isFloat:
                    throw Fault("E0207", "an index must be of integers or bools, found `\(indices.dtype)`", mend: "cast it: `cast(i, i32)`")
                case .tensor, .list, .range: break
                default: throw Fault.type("an index of a tensor", expected: "an int, a slice, a tensor or a list", found: value)
                }
                begin.append(0)
                end.append(tensor.shape[axis])
                step.append(1)
                plan.append(.gather(value))
                axis += 1
            }
        }
        while axis < tensor.rank { keepWhole() }
        if plan.count(where: { if case .gather = $0 { true } else { false } }) > 1 {
            return try gatherSeveral(tensor, parts)
        }
        var result = tensor
        if isUnknown || !tensor.shape.isKnown {
            var shape: Shape = []
            for a in 0..<tensor.rank {
                if unknownAxes.contains(a) { shape.append(-1) } else if tensor.shape[a] < 0 {
                    shape.append(end[a] == 1 && step[a] == 1 && begin[a] == 0 ? 1 : -1)
                } else {
                    shape.append(max(0, (end[a] - begin[a] + (step[a] > 0 ? step[a] - 1 : step[a] + 1)) / step[a]))
                }
            }
            result = .unknown(TensorType(tensor.dtype, shape))
        } else if !(0..<tensor.rank).allSatisfy({ begin[$0] == 0 && end[$0] == tensor.shape[$0] && step[$0] == 1 }) {
            let slice = op("_slice")
            result = try applied(slice, [tensor], slice.attributes(["begin": .ints(begin), "end": .ints(end), "step": .ints(step)]))[0]
        }
        var shape: Shape = []
        var source = 0
        var gather: (axis: Int, index: Value)?
        for item in plan {
            switch item {
            case .keep:
                shape.append(result.shape[source])
                source += 1
            case .drop: source += 1
            case .new: shape.append(1)
            case .gather(let value):
                gather = (shape.count, value)
                shape.append(result.shape[source])
                source += 1
            }
        }
        if shape != result.shape || plan.contains(where: { if case .new = $0 { true } else { false } }) {
            if result.availability == .unknown {
                result = .unknown(TensorType(result.dtype, shape))
            } else {
                let reshape = op("reshape")
                result = try applied(reshape, [result], reshape.attributes(["shape": .ints(shape)]))[0]
            }
        }
        guard let gather else { return .tensor(result) }
        var indices = try self.tensor(gather.index, "an index")
        if indices.dtype == .bool {
            guard case .tensor(let places) = try apply(op("nonzero"), [.tensor(indices)]) else { return .unknown }
            guard case .tensor(let flat) = try apply(op("reshape"), [.tensor(places), .list([.int(-1)])]) else { return .unknown }
            indices = flat
        }
        return try self.gather(result, indices, along: gather.axis)
    }

    private func gather(_ tensor: Tensor, _ indices: Tensor, along axis: Int) throws -> Value {
        let indices = try wrapNegative(indices, tensor.shape[axis])
        return try apply(op("gather"), [.tensor(tensor), .tensor(indices), .int(axis)])
    }

    /// Negative indices count from the end.
    private func wrapNegative(_ indices: Tensor, _ size: Int) throws -> Tensor {
        if size < 0 || indices.availability == .unknown { return indices }
        if indices.availability == .available, let count = indices.count, count <= 4096 {
            if !(try indices.elements(as: Int.self).contains { $0 < 0 }) { return indices }
        }
        let value = Value.tensor(indices)
        let wrapped = try apply(
            op("where"), [try tensorBinary(.less, value, .int(0)), try tensorBinary(.add, value, .int(size)), value])
        guard case .tensor(let tensor) = wrapped else { return indices }
        return tensor
    }

    /// `x[rows, columns]` with several index tensors: element by element, as NumPy pairs them.
    private func gatherSeveral(_ tensor: Tensor, _ parts: [Subscription]) throws -> Value {
        var indices: [Value] = []
        for (axis, part) in parts.enumerated() {
            guard case .index(let value) = part, !value.isNone else {
                throw Fault("E0425", "several index tensors cannot stand beside slices", mend: "index twice")
            }
            indices.append(.tensor(try wrapNegative(cast(try self.tensor(value, "an index"), to: .i64), tensor.shape[axis])))
        }
        var shape: Shape = []
        for case .tensor(let index) in indices {
            guard let meet = Shape.broadcast(shape, index.shape) else {
                throw Fault("E0201", "index tensors of shapes \(shape.text) and \(index.shape.text) do not go together")
            }
            shape = meet
        }
        let sizes = Value.list(shape.map { .int($0) })
        let spread = try indices.map { try apply(op("broadcast_to"), [$0, sizes]) }
        let stacked = try apply(op("stack"), [.list(spread)], [("axis", .int(-1))])
        return try apply(op("gather_nd"), [.tensor(tensor), stacked])
    }
}
