internal import Engine

/// The stream of random keys: draws are numbered in the order in which the script writes them.
struct RandomStream {
    var seed: Int
    var draws = 0

    init(seed: Int) { self.seed = seed }

    mutating func nextKey() -> Tensor {
        draws += 1
        return .key(seed: seed, draw: draws)
    }
}
