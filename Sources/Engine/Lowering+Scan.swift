internal import Graphs
internal import Glibc

extension Lowering {
    private static let programs = ProgramCache<Graph>()

    /// The body runs as a program of its own, on slices of the sequences; carries alternate between two buffers.
    func scan() throws(OpError) -> Lowered {
        let body = arguments.graph("body")
        let (carries, sequences, reverse) = (arguments.int("carries"), arguments.int("sequences"), arguments.bool("reverse"))
        let program: Program
        do throws(ExecutionError) {
            program = try Self.programs.program(for: body) { () throws(ExecutionError) in body }
        } catch { throw error.error }
        let ys = program.outputs.count - carries
        let steps = sequences > 0 ? inputs[carries].shape[0] : results.dropFirst(carries).first?.shape[0] ?? 0
        let carryBytes = inputs[..<carries].map(\.byteCount)
        /// Bytes of one step's slice of each sequence and of each y.
        let sliceBytes = inputs[carries..<carries + sequences].map { $0.byteCount / max(1, steps) }
        let yBytes = program.outputs[carries...].map(\.byteCount)
        let (inputCount, needed) = (inputs.count, isNeeded)
        return .work { call throws(OpError) in
            var frame: Program.Frame
            // A carry's values: before the step, and where the step writes.
            var old: [Storage] = []
            var new: [Storage] = []
            var spare: [Storage] = []
            for (i, bytes) in carryBytes.enumerated() {
                old.append(try scratch(bytes))
                new.append(try scratch(bytes))
                unsafe memcpy(old[i].base, call[i].pointer, bytes)
            }
            for i in 0..<ys { spare.append(try scratch(needed[carries + i] ? 0 : yBytes[i])) }
            do throws(ExecutionError) { frame = try Program.Frame(program) } catch { throw error.error }
            for i in 0..<steps {
                // The position in the sequence names the step's random draws, so that a gradient meets the same.
                let step = reverse ? steps - 1 - i : i
                var from: [UnsafeMutableRawPointer] = unsafe []
                var to: [UnsafeMutableRawPointer] = unsafe []
                for carry in 0..<carries {
                    unsafe from.append(old[carry].base)
                    unsafe to.append(new[carry].base)
                    let history = carries + ys + carry
                    if history < needed.count, needed[history] {
                        unsafe memcpy(call[inputCount + history].pointer + step * carryBytes[carry], old[carry].base, carryBytes[carry])
                    }
                }
                for sequence in 0..<sequences { unsafe from.append(call[carries + sequence].pointer + step * sliceBytes[sequence]) }
                for capture in carries + sequences..<inputCount { unsafe from.append(call[capture].pointer) }
                for y in 0..<ys {
                    if needed[carries + y] {
                        unsafe to.append(call[inputCount + carries + y].pointer + step * yBytes[y])
                    } else {
                        unsafe to.append(spare[y].base)
                    }
                }
                do throws(ExecutionError) {
                    unsafe try frame.run(from, to, step: call.step &* 0x9e37_79b9_7f4a_7c15 &+ UInt64(step) &+ 1)
                } catch { throw error.error }
                swap(&old, &new)
            }
            for (i, bytes) in carryBytes.enumerated() where needed[i] { unsafe memcpy(call[inputCount + i].pointer, old[i].base, bytes) }
            withExtendedLifetime((old, new, spare)) {}
        }
    }
}
