/// The names of records that were made alike, which they share.
///
/// An instruction that met a shape once knows where in its records a field stands.
public final class FieldNames: @unchecked Sendable {
    public let names: [String]
    /// Built once there are enough fields to make a search worth it.
    private lazy var index = NameIndex(names)

    static let none = FieldNames([])

    init(_ names: [String]) { self.names = names }
    init(_ index: NameIndex, names: [String]) {
        self.names = names
        self.index = index
    }

    func position(of name: String) -> Int? {
        names.count <= 8 ? names.firstIndex(of: name) : index.position(of: name, in: names)
    }
}

/// Where names stand in a list that does not keep them twice: a hash table of their places.
struct NameIndex {
    /// Places, counted from 1; 0 where there is none. A power of two, and at least half of it is empty.
    private var slots: [UInt32]
    private let mask: Int

    init(capacity: Int) {
        precondition(capacity < 1 << 31)
        let size = max(capacity * 2, 2)
        let power = 1 << (Int.bitWidth - (size - 1).leadingZeroBitCount)
        slots = Array(repeating: 0, count: power)
        mask = power - 1
    }

    init(_ names: [String]) {
        self.init(capacity: names.count)
        for (place, name) in names.enumerated() { _ = insert(name, at: place, of: names) }
    }

    func position(of name: String, in names: [String]) -> Int? {
        let found = slots[slot(of: name, in: names)]
        return found == 0 ? nil : Int(found) - 1
    }

    /// The place where the name stands already among those known, if it does; otherwise it is known at this one from now on.
    mutating func insert(_ name: String, at place: Int, of names: [String]) -> Int? {
        let slot = slot(of: name, in: names)
        if slots[slot] > 0 { return Int(slots[slot]) - 1 }
        slots[slot] = UInt32(place + 1)
        return nil
    }

    /// Where the name is entered, or would be.
    private func slot(of name: String, in names: [String]) -> Int {
        var slot = name.hashValue & mask
        while slots[slot] > 0, names[Int(slots[slot]) - 1] != name { slot = (slot + 1) & mask }
        return slot
    }
}
