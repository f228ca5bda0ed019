/// The candidate that was probably meant by `name`, for a "did you mean".
///
/// Case and underscores do not count (`BatchNorm` is `batch_norm`). A longer name may have more mistakes in it; a
/// name that begins a candidate will do where nothing is closer.
public func nearest(to name: String, in candidates: some Sequence<String>) -> String? {
    let wanted = folded(name)
    guard !wanted.isEmpty, wanted.count <= 64 else { return nil }
    let limit = wanted.count < 3 ? 0 : wanted.count < 6 ? 1 : wanted.count / 3
    var best: (distance: Int, extra: Int, name: String)?
    for candidate in candidates where candidate != name {
        let other = folded(candidate)
        var distance = limit + 1
        if abs(other.count - wanted.count) <= limit { distance = editDistance(wanted, other) }
        if distance > limit {
            guard wanted.count >= 3, other.count > wanted.count, other.starts(with: wanted) else { continue }
            distance = limit + 1
        }
        let found = (distance, abs(other.count - wanted.count), candidate)
        if best.map({ found < $0 }) ?? true { best = found }
    }
    return best?.name
}

private func folded(_ name: String) -> [UInt8] {
    name.utf8.compactMap { $0 == 0x5F ? nil : $0 >= 0x41 && $0 <= 0x5A ? $0 | 0x20 : $0 }
}

/// Insertions, deletions, substitutions and swaps of neighbours that turn one name into the other.
private func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var beforeLast = [Int](repeating: 0, count: b.count + 1)
    var last = Array(0...b.count)
    for i in 0..<a.count {
        var row = [i + 1] + last.dropFirst()
        for j in 0..<b.count {
            row[j + 1] = min(last[j + 1] + 1, row[j] + 1, last[j] + (a[i] == b[j] ? 0 : 1))
            if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { row[j + 1] = min(row[j + 1], beforeLast[j - 1] + 1) }
        }
        (beforeLast, last) = (last, row)
    }
    return last[b.count]
}

/// The candidate that `name` surely misspells: few letters differ, no other candidate is as near, and digits are the same
/// (`conv1d` may be meant by `conv4d`, or `conv2d`).
public func surelyMeant(by name: String, in candidates: some Sequence<String>) -> String? {
    let wanted = folded(name)
    guard wanted.count >= 3, wanted.count <= 64 else { return nil }
    var best: (distance: Int, name: String)?
    var isTie = false
    for candidate in candidates where candidate != name {
        let other = folded(candidate)
        guard abs(other.count - wanted.count) <= 2 else { continue }
        let distance = editDistance(wanted, other)
        guard distance <= (wanted.count < 6 ? 1 : 2) else { continue }
        if let known = best, distance >= known.distance {
            if distance == known.distance, candidate != known.name { isTie = true }
            continue
        }
        best = (distance, candidate)
        isTie = false
    }
    guard let best, !isTie else { return nil }
    func digits(_ text: String) -> [UInt8] { text.utf8.filter { $0 >= 0x30 && $0 <= 0x39 } }
    return digits(name) == digits(best.name) ? best.name : nil
}
