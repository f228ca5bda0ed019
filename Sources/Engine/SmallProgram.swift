public import Graphs
internal import Synchronization

// An op on few elements that are at hand is computed when it is written, by a program of its own: that costs less than a
// pending node and the way to its elements. What has direct code (`Immediate`) does not come here.

extension Op {
    /// Whether a key of draws is among its inputs.
    fileprivate var isRandom: Bool { parameters.last?.kind == .key }
}

extension Tensor {
    fileprivate var isAtHand: Bool { unsafe lendPresent { _ in true } ?? false }
}

/// The program of one op for inputs of some types.
public final class SmallProgram: Sendable {
    private struct Key: Hashable {
        /// The op, then the types.
        let words: [Int]
        let attributes: Attributes
    }
    private enum Entry { case seen, refused, program(SmallProgram) }
    private static let entries = Mutex<[Key: Entry]>([:])
    private static let mostEntries = 2048
    /// The bytes of the largest argument or result.
    private static let most = 4096

    private let program: Program
    private let types: [TensorType]
    private let idle = Mutex<[Workspace]>([])

    /// The program for inputs like these, if they are at hand and the op was seen before on such types; `nil` leaves it to
    /// `Tensor.apply`, errors too.
    public static func of(_ op: Op, _ inputs: [Tensor], _ attributes: Attributes) -> SmallProgram? {
        if Profile.isOn || op.isRandom { return nil }
        var words: [Int] = []
        words.reserveCapacity(1 + 4 * inputs.count)
        words.append(Int(op.id.index))
        for input in inputs {
            let type = input.type
            guard type.dtype != .string, let count = type.shape.elementCount, count * type.dtype.size <= most, input.isAtHand
            else { return nil }
            words.append(Int(type.dtype.rawValue) << 8 | type.shape.count)
            words += type.shape
        }
        return of(op, inputs, Key(words: words, attributes: attributes))
    }

    /// `nil` at the first time, for what is met once is not worth a program.
    private static func of(_ op: Op, _ inputs: [Tensor], _ key: Key) -> SmallProgram? {
        switch entries.withLock({ $0[key] }) {
        case .program(let program)?: return program
        case .refused?: return nil
        case .seen?:
            let made = try? SmallProgram(op, inputs.map(\.type), key.attributes)
            entries.withLock { $0[key] = made.map { .program($0) } ?? .refused }
            return made
        case nil:
            entries.withLock { entries in
                if entries.count >= mostEntries { entries.removeAll() }
                entries[key] = .seen
            }
            return nil
        }
    }

    private init?(_ op: Op, _ inputs: [TensorType], _ attributes: Attributes) throws {
        let arguments = inputs.map { Tensor.argument($0) }
        let results = try Tensor.apply(op, arguments, attributes)
        let line = Linearisation(of: results.map(\.edge), arguments: arguments.map(\.edge)) { _ in false }
        types = results.map(\.type)
        guard line.leaves.count == arguments.count, types.allSatisfy({ $0.dtype != .string && $0.byteCount <= Self.most }) else { return nil }
        program = try Program.compile(try line.graph(results.map(\.edge)))
    }

    /// The results; `nil` where an input of these types is not at hand after all, or the op fails on the values.
    public func run(_ inputs: [Tensor]) -> [Tensor]? {
        if Profile.isOn { return nil }
        guard let workspace = idle.withLock({ $0.popLast() }) ?? Workspace(program, inputs.count, types) else { return nil }
        defer { idle.withLock { $0.append(workspace) } }
        return workspace.run(inputs, types)
    }

    /// The memory of one run.
    ///
    /// `Sendable` holds because one thread at a time has taken it from its program.
    @safe private final class Workspace: @unchecked Sendable {
        private let frame: Program.Frame
        /// Kernels want their operands at cache lines: small ones are copied here.
        private let small: Storage
        private var from: [UnsafeMutableRawPointer]
        private var to: [UnsafeMutableRawPointer]

        init?(_ program: Program, _ inputs: Int, _ types: [TensorType]) {
            guard let frame = try? Program.Frame(program), let small = Storage(byteCount: (inputs + types.count) * Tensor.small) else { return nil }
            (self.frame, self.small) = (frame, small)
            unsafe from = (0..<inputs).map { unsafe small.base + $0 * Tensor.small }
            unsafe to = types.indices.map { unsafe small.base + (inputs + $0) * Tensor.small }
        }

        func run(_ inputs: [Tensor], _ types: [TensorType]) -> [Tensor]? {
            for (place, input) in inputs.enumerated() {
                guard let address = unsafe input.presentAddress(orCopyTo: small.base + place * Tensor.small) else { return nil }
                unsafe from[place] = address
            }
            var storages: [Storage?] = []
            for (place, type) in types.enumerated() where type.byteCount > Tensor.small {
                if storages.isEmpty { storages = Array(repeating: nil, count: types.count) }
                let storage = Tensor.allocate(type.byteCount)
                storages[place] = storage
                unsafe to[place] = storage.base
            }
            guard (try? unsafe frame.run(from, to, step: 0)) != nil else { return nil }
            return withExtendedLifetime(inputs) {
                types.indices.map { place in
                    if !storages.isEmpty, let storage = storages[place] { return Tensor(types[place], storage) }
                    return unsafe Tensor(types[place]) { unsafe $0.copyMemory(from: to[place], byteCount: types[place].byteCount) }
                }
            }
        }
    }
}
