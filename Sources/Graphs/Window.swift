/// The windows of a convolution or pooling, resolved: one entry per spatial axis.
struct Window {
    var size: [Int]
    var strides: [Int]
    var dilations: [Int]
    var before: [Int] = []
    var after: [Int] = []

    /// From what a script says; `input` holds the spatial sizes.
    init(_ a: Arguments, size: [Int], input: [Int], strides: [Int], dilations: [Int]) throws(OpError) {
        (self.size, self.strides, self.dilations) = (size, strides, dilations)
        for (name, values, least) in [("window", size, -1), ("strides", strides, 1), ("dilations", dilations, 1)]
        where values.contains(where: { $0 < least || $0 == 0 || $0 > 1 << 31 }) {
            throw .value(a.op, name, values, expected: "1 to 2,147,483,648")
        }
        let padding = a.string("padding")
        for axis in size.indices {
            let reach = extent(axis)
            switch padding {
            case "same":
                // As TensorFlow: ceil(n / stride) results, an odd cell of padding at the end.
                let (n, s) = (input[axis], strides[axis])
                let total = n < 0 || reach < 0 ? 0 : max(((n + s - 1) / s - 1) * s + reach - n, 0)
                before.append(total / 2)
                after.append(total - total / 2)
            case "causal":
                before.append(max(reach - 1, 0))
                after.append(0)
            default:
                before.append(0)
                after.append(0)
            }
        }
    }

    /// From the attributes of an internal row.
    init(_ a: Arguments, size: [Int], dilated: Bool = true) {
        (self.size, strides, before, after) = (size, a.ints("strides"), a.ints("before"), a.ints("after"))
        dilations = dilated ? a.ints("dilations") : size.map { _ in 1 }
    }

    /// Cells from the first to the last that a window touches.
    func extent(_ axis: Int) -> Int { size[axis] < 0 ? -1 : (size[axis] - 1) * dilations[axis] + 1 }

    /// How many windows there are along each axis.
    func count(_ op: Op, _ input: [Int]) throws(OpError) -> [Int] {
        var result: [Int] = []
        for axis in size.indices {
            if input[axis] < 0 || extent(axis) < 0 {
                result.append(-1)
                continue
            }
            let room = input[axis] + before[axis] + after[axis] - extent(axis)
            if room < 0 {
                throw OpError(
                    "E0204", "`\(op.name)`: a window of \(extent(axis)) does not fit into \(input[axis]) cells",
                    mend: "`padding = \"same\"`")
            }
            result.append(room / strides[axis] + 1)
        }
        return result
    }

    var attributes: [String: Attribute] { ["strides": .ints(strides), "before": .ints(before), "after": .ints(after)] }
    var dilated: [String: Attribute] { attributes.merging(["dilations": .ints(dilations)]) { a, _ in a } }
}
