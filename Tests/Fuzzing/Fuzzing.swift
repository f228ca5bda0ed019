// Fuzzing: bad input, made from seeds. A `Target` says what takes the input; the same number always makes the same
// input, so that a finding is a target and a number. `Tests/fuzz` feeds millions of them to a process of its own; the
// tests replay what has been found and a few fresh ones.

/// Steele, Lea and Flood 2014, the same on every machine.
public struct SplitMix: RandomNumberGenerator, Sendable {
    var state: UInt64
    public init(seed: UInt64) { state = seed }

    /// A generator for one input of a run.
    init(seed: UInt64, index: Int) {
        state = seed
        state = next() ^ UInt64(truncatingIfNeeded: index)
        state = next()
    }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

extension SplitMix {
    /// A number below `count`, fast; the bias is of no interest here.
    mutating func below(_ count: Int) -> Int { Int(truncatingIfNeeded: next() >> 33) % max(count, 1) }
    mutating func chance(_ one: Int) -> Bool { below(one) == 0 }
    mutating func pick<T>(_ choices: [T]) -> T { choices[below(choices.count)] }
}
