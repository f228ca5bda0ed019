/// A list that allocates nothing while it is short: the inputs and results of most nodes.
struct Few<Element>: RandomAccessCollection {
    private(set) var count: Int
    private var first: Element?
    private var second: Element?
    /// What is beyond the first two.
    private var rest: [Element]?

    init() { count = 0 }
    init(_ first: Element) {
        count = 1
        self.first = first
    }
    init(_ first: Element, _ second: Element) {
        count = 2
        (self.first, self.second) = (first, second)
    }
    init(_ elements: [Element]) {
        count = elements.count
        if count > 0 { first = elements[0] }
        if count > 1 { second = elements[1] }
        if count > 2 { rest = Array(elements[2...]) }
    }

    var startIndex: Int { 0 }
    var endIndex: Int { count }

    subscript(index: Int) -> Element {
        @inline(__always) get {
            precondition(index >= 0 && index < count, "an element of the list")
            return index == 0 ? first! : index == 1 ? second! : rest![index - 2]
        }
    }

    mutating func popLast() -> Element? {
        guard count > 0 else { return nil }
        count -= 1
        switch count {
        case 0: return first.take()
        case 1: return second.take()
        default: return rest!.removeLast()
        }
    }
}

extension Few: Sendable where Element: Sendable {}
