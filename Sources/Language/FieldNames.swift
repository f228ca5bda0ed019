/// The names of records that were made alike, which they share.
public final class FieldNames: @unchecked Sendable {
    public let names: [String]
    /// Built once there are enough fields to make a search worth it.
    private lazy var index = NameIndex(names)

    static let none = FieldNames([])

    init(_ names: [String]) { self.names = names }
    fileprivate init(_ names: [String], _ index: NameIndex) {
        self.names = names
        self.index = index
    }

    func position(of name: String) -> Int? {
        names.count <= 8 ? names.firstIndex(of: name) : index.position(of: name, in: names)
    }
}

extension Record {
    /// A record of names that may repeat: the later value then stands in the first one's place.
    convenience init(gathering names: [String], _ values: [Value]) {
        var (names, values) = (names, values)
        var index = NameIndex(capacity: names.count)
        // All hashes before the first search: so the processor waits for many places of the table at a time.
        let hashes = names.map(\.hashValue)
        var count = 0
        for place in hashes.indices {
            if let earlier = index.insert(hashes[place], at: count, isSame: { names[$0] == names[place] }) {
                values[earlier] = values[place]
            } else {
                if count < place {
                    names[count] = names[place]
                    values[count] = values[place]
                }
                count += 1
            }
        }
        if count < names.count {
            names.removeLast(names.count - count)
            values.removeLast(values.count - count)
        }
        self.init(FieldNames(names, index), values)
    }
}

/// Where names stand in a list, which it does not keep: a hash table of places.
private struct NameIndex {
    /// A place, counted from 1, below half of its name's hash; 0 where there is none. A power of two of them, at least half
    /// of which are empty.
    private var slots: [UInt64]

    init(capacity: Int) {
        slots = Array(repeating: 0, count: 2 << (Int.bitWidth - max(capacity - 1, 0).leadingZeroBitCount))
    }

    init(_ names: [String]) {
        self.init(capacity: names.count)
        for (place, name) in names.enumerated() { _ = insert(name.hashValue, at: place) { names[$0] == name } }
    }

    func position(of name: String, in names: [String]) -> Int? {
        let found = slots[slot(of: name.hashValue) { names[$0] == name }]
        return found == 0 ? nil : Self.place(found)
    }

    /// The place where the name stands already, if it does; otherwise it stands at this one from now on.
    mutating func insert(_ hash: Int, at place: Int, isSame: (Int) -> Bool) -> Int? {
        let slot = slot(of: hash, isSame)
        if slots[slot] > 0 { return Self.place(slots[slot]) }
        slots[slot] = Self.mark(hash) | UInt64(place + 1)
        return nil
    }

    private static func mark(_ hash: Int) -> UInt64 { UInt64(bitPattern: Int64(hash)) & 0xFFFF_FFFF_0000_0000 }
    private static func place(_ slot: UInt64) -> Int { Int(slot & 0xFFFF_FFFF) - 1 }

    /// Where a name of this hash is entered, or would be.
    @inline(__always) private func slot(of hash: Int, _ isSame: (Int) -> Bool) -> Int {
        let mark = Self.mark(hash)
        var slot = hash & (slots.count - 1)
        while slots[slot] > 0, slots[slot] & 0xFFFF_FFFF_0000_0000 != mark || !isSame(Self.place(slots[slot])) {
            slot = (slot + 1) & (slots.count - 1)
        }
        return slot
    }
}
