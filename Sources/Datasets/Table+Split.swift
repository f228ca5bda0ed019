extension Table {
    /// Parts of the rows by shares, and one more part with the rest.
    ///
    /// - Parameters:
    ///   - shares: each above 0, together below 1.
    ///   - stratify: keeps the label's proportions in every part.
    public func split(_ shares: [Double], shuffle: Bool = true, seed: UInt64 = 0, stratify: Bool = false)
        throws(DataError) -> [Table]
    {
        guard !shares.isEmpty else { throw DataError("E0505", "a split needs a share", mend: "`.split(0.8)`") }
        if let bad = shares.first(where: { !($0 > 0 && $0 < 1) }) {
            throw DataError(
                "E0505", "a share of a split lies between 0 and 1, found \(bad)",
                mend: bad > 1 && bad < 100 ? "write \(bad / 100) for \(bad) percent" : nil)
        }
        let total = shares.reduce(0, +)
        guard total < 1 - 1e-9 else {
            throw DataError(
                "E0505", "the shares of the split add up to \(total > 1 + 1e-9 ? "more than 1" : "1")",
                why: "a split gives one part more than there are shares, with the rest",
                mend: shares.count > 1 ? "leave the last share out" : nil)
        }
        let labels = stratify ? try labelColumn() : nil
        var (start, reached) = (0, 0.0)
        func next(_ share: Double, of count: Int) -> Range<Int> {
            reached = min(reached + share, 1)
            let begin = start
            start = max(start, min(count, Int((Double(count) * reached).rounded())))
            return begin..<start
        }
        guard let count else { return (shares + [1]).map { share in withRows(known.map { $0.keeping(next(share, of: $0.left ?? 0).count) }) } }
        var random = SplitMix(seed: seed)
        var order = shuffle ? random.permutation(count) : Array(0..<count)
        if let labels {
            // Every class is spread evenly over the order, so that any cut finds its proportion.
            let ranks = labels.ranks()
            let sizes = ranks.reduce(into: [Int: Int]()) { $0[$1, default: 0] += 1 }
            var seen: [Int: Int] = [:]
            let keys = order.map { row in
                let place = seen[ranks[row], default: 0]
                seen[ranks[row]] = place + 1
                return (Double(place) + 0.5) / Double(sizes[ranks[row]] ?? 1)
            }
            order = order.indices.sorted { keys[$0] < keys[$1] || keys[$0] == keys[$1] && $0 < $1 }.map { order[$0] }
        }
        return (shares + [1]).map { share in
            var rows = Array(order[next(share, of: count)])
            if shuffle, stratify { random.shuffle(&rows) }
            return gathering(rows)
        }
    }
}
