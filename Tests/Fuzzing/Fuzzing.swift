internal import Datasets

// Fuzzing: bad input, made from seeds. A `Target` says what takes the input; the same number always makes the same
// input, so that a finding is a target and a number. `Tests/fuzz` feeds millions of them to a process of its own; the
// tests replay what has been found and a few fresh ones.

extension SplitMix {
    /// A generator for one input of a run.
    init(seed: UInt64, index: Int) { self.init(seed: seed, stream: UInt64(truncatingIfNeeded: index)) }

    mutating func chance(_ one: Int) -> Bool { below(one) == 0 }
    mutating func pick<T>(_ choices: [T]) -> T { choices[below(choices.count)] }
}
