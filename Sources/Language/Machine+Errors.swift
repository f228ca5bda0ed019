internal import Datasets
internal import Engine
internal import Formats
internal import Graphs
internal import Syntax
internal import Training

/// What goes wrong, with its place in the script.
extension Machine {
    /// An error with the place in the script where it happened, and the script's calls that led there.
    func describe(_ error: any Error, above depth: Int) -> any Error {
        if error is Diagnostic || error is Interruption || error is NeedsData || error is Trainer.NotFinite { return error }
        var fault: Fault
        var place: SourceRange?
        var also: [Label] = []
        /// The frames that are the user's way to the mistake.
        var way = Array(frames)
        switch error {
        case let found as OpError: fault = found
        case let found as ArgumentFault:
            fault = found.fault
            // The mistake is the caller's, where there is one in the script.
            if let callee = frames.last, !callee.module.isStandard, let caller = frames.dropLast().last, !caller.module.isStandard {
                place = argumentRange(found.position, of: callee, at: caller)
                if let range = callee.code.parameters[found.position].range { also = [Label(range, "declared here")] }
                way.removeLast()
            }
        case let found as ExecutionError:
            fault = found.error
            place = session.range(of: found.origin)
            if fault.code == "E0299" { return Interruption() }
            // Ops are written in one place and computed when somebody looks, perhaps in another.
            if let place, let frame = frames.last(where: { !$0.module.isStandard }), frame.pc < frame.code.ranges.count {
                let here = frame.code.ranges[frame.pc]
                if !here.overlaps(place) { also = [Label(here, "it is computed here")] }
            }
        case let found as FormatError:
            // A sentence that names the file already needs no file before it.
            let isComplete = found.what.contains("`\(found.path)`")
            fault = Fault(found.code, isComplete ? found.what : found.description, why: found.why, mend: found.mend)
        case let found as DataError:
            fault = Fault(found.code, found.what, why: found.why, mend: found.mend, misspelling: found.misspelling)
        case is UnknownArgument: return error
        default: fault = Fault("E0999", "\(error)")
        }
        if fault.code == "E0299" { return Interruption() }
        // The place is the script's own: the innermost frame that is not the standard library's.
        var inLibrary: String?
        for frame in way.reversed() {
            guard frame.pc < frame.code.ranges.count else { continue }
            let range = frame.code.ranges[frame.pc]
            if frame.module.isStandard {
                if inLibrary == nil, frame.code.name != "lambda" { inLibrary = frame.code.name }
                if place == nil { continue }
            }
            if frame.module.isStandard { continue }
            if place == nil { place = range }
        }
        if ["E0413", "E0414"].contains(fault.code), let frame = way.last(where: { !$0.module.isStandard }) {
            place = namedArgument(of: frame, in: fault.what) ?? place
        }
        if let inLibrary, place != nil, !fault.what.contains("`\(inLibrary)`") {
            let note = "inside `\(inLibrary)` of the standard library"
            fault.why = fault.why.map { $0 + "; " + note } ?? note
        }
        var shown: [(label: Label, path: String?, count: Int)] = []
        for (index, frame) in way.enumerated().reversed() where !frame.module.isStandard && index > 0 {
            guard [.function, .layer, .lambda].contains(frame.code.kind) else { continue }
            var caller = index - 1
            while caller > 0, frames[caller].module.isStandard { caller -= 1 }
            let outer = frames[caller]
            guard !outer.module.isStandard, outer.pc < outer.code.ranges.count else { continue }
            let layer = frame.code.kind == .layer ? applications.last { $0.depth == index }?.layer.path : nil
            let isNameless = frame.code.kind == .lambda && frame.code.name == "lambda"
            let label = Label(outer.code.ranges[outer.pc], isNameless ? "a lambda" : "`\(frame.code.name)`")
            if shown.last?.label == label {
                shown[shown.count - 1].count += 1
            } else if shown.count < 12 {
                shown.append((label, layer, 1))
            } else {
                break
            }
        }
        let calls = shown.map { label, path, count in
            Label(label.range, count == 1 ? "(\(path.map { "`\($0)`" } ?? label.text))" : "(\(label.text), \(count.formatted) times)")
        }
        return Diagnostic(
            code: fault.code, what: fault.what, at: place.map { Label($0) }, also: also, why: fault.why,
            mend: fault.mend.map { OtherNames.mend($0, before: place) },
            fix: fault.misspelling.flatMap { correction($0, in: place) } ?? [], calls: calls)
    }

    /// The name that is surely meant in the place of a misspelt one, where that stands once in the text pointed at.
    private func correction(_ misspelling: Misspelling, in place: SourceRange?) -> [Edit]? {
        guard let place, let meant = surelyMeant(by: misspelling.found, in: misspelling.known) else { return nil }
        let (text, word) = (place.source.utf8[place.start..<place.end], Array(misspelling.found.utf8))
        func isPart(_ offset: Int) -> Bool {
            guard text.indices.contains(offset) else { return false }
            return text[offset] >= 0x80 || text[offset] == 0x5F || (0x30...0x39).contains(text[offset]) || (0x61...0x7A).contains(text[offset] | 0x20)
        }
        let places = text.indices.filter { start in
            text[start...].starts(with: word) && !isPart(start - 1) && !isPart(start + word.count)
        }
        return places.count == 1 ? [Edit(SourceRange(place.source, places[0], places[0] + word.count), meant)] : nil
    }

    /// Where a call's argument stands that a message names.
    private func namedArgument(of frame: Frame, in message: String) -> SourceRange? {
        guard frame.pc < frame.code.instructions.count else { return nil }
        let instruction = frame.code.instructions[frame.pc]
        guard [.call, .callPlain, .method].contains(instruction.opcode) else { return nil }
        let site = frame.code.callSite(of: instruction)
        return site.names.lastIndex { name in name.map { message.contains("`\($0)`") } ?? false }.map { site.argumentRanges[$0] }
    }

    /// Where the caller wrote the argument of a parameter, or the whole call.
    private func argumentRange(_ position: Int, of callee: Frame, at caller: Frame) -> SourceRange? {
        guard caller.pc < caller.code.ranges.count else { return nil }
        let instruction = caller.code.instructions[caller.pc]
        var index = position
        guard instruction.opcode == .call || instruction.opcode == .callPlain else { return caller.code.ranges[caller.pc] }
        switch caller.registers[instruction.a] {
        case .function(let function) where function === callee.function: break
        case .layer(let layer) where layer.constructor.info.body === callee.code: index -= layer.configuration.count
        default: return caller.code.ranges[caller.pc]
        }
        let site = caller.code.callSite(of: instruction)
        if let named = site.names.firstIndex(of: callee.code.parameters[position].name) { return site.argumentRanges[named] }
        guard site.argumentRanges.indices.contains(index), !site.spread[...index].contains(true) else { return caller.code.ranges[caller.pc] }
        return site.argumentRanges[index]
    }
}
