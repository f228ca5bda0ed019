internal import Graphs

/// Ops that libraries compute.
extension Lowering {
    func matmul() -> Lowered {
        let (a, b) = (arguments.bool("transpose_a"), arguments.bool("transpose_b"))
        let finish = finish
        return .work { call throws(OpError) in
            try unsafe Libraries.matmul(
                call[0], call[1], transposeA: a, transposeB: b, epilogue: finish.epilogue(call), into: call[2 + finish.count])
        }
    }

    private func window(pooling: Bool) -> Window {
        Window(
            size: pooling ? arguments.ints("pool_size") : [], strides: arguments.ints("strides"),
            before: arguments.ints("before"), after: arguments.ints("after"),
            dilations: pooling ? [] : arguments.ints("dilations"), groups: pooling ? 1 : arguments.int("groups"))
    }

    func conv(_ special: Special) -> Lowered {
        let window = window(pooling: false)
        let (finish, kept) = (finish, isFixed.dropFirst().first ?? false ? KeptKernel() : nil)
        return .work { call throws(OpError) in
            switch special {
            case .convGradientInput: try unsafe Libraries.convGradientInput(call[0], call[1], window, into: call[2])
            case .convGradientKernel: try unsafe Libraries.convGradientKernel(call[0], call[1], window, into: call[2])
            default: try unsafe Libraries.conv(call[0], call[1], window, epilogue: finish.epilogue(call), kept: kept, into: call[2 + finish.count])
            }
        }
    }

    func pool(_ special: Special) -> Lowered {
        let window = window(pooling: true)
        let inPlace = special == .maxPoolGradient && Libraries.maxPoolGradientIsInPlace(x, inputs[1], window)
        let work: Work = { call throws(OpError) in
            switch special {
            case .maxPoolGradient: try unsafe Libraries.maxPoolGradient(call[0], call[1], window, into: call[2])
            case .maxPoolTake: try unsafe Libraries.maxPoolTake(call[0], call[1], window, into: call[2])
            case .averagePool: try unsafe Libraries.averagePool(call[0], window, into: call[1])
            case .averagePoolGradient: try unsafe Libraries.averagePoolGradient(call[0], window, into: call[1])
            default: try unsafe Libraries.maxPool(call[0], window, into: call[1])
            }
        }
        return .work(work, inPlace: inPlace)
    }

    func softmax(_ special: Special) -> Lowered {
        let axis = axis(x.shape.count)
        return .work(
            { call throws(OpError) in
                if special == .softmax {
                    try unsafe Libraries.softmax(call[0], axis: axis, into: call[1])
                } else {
                    try unsafe Libraries.logSoftmax(call[0], axis: axis, into: call[1])
                }
            }, inPlace: true)
    }

    func norm(_ special: Special) -> Lowered {
        let epsilon = arguments.float("epsilon")
        return .work { call throws(OpError) in
            if special == .batchNorm {
                try unsafe Libraries.batchNorm(call[0], call[1], call[2], epsilon: epsilon, into: call[3], mean: call[4], variance: call[5])
            } else {
                try unsafe Libraries.layerNorm(call[0], call[1], call[2], epsilon: epsilon, into: call[3], mean: call[4], variance: call[5])
            }
        }
    }

    func linalg(_ special: Special) -> Lowered {
        switch special {
        case .solve: return .work { call throws(OpError) in try unsafe Libraries.solve(call[0], call[1], into: call[2]) }
        case .determinant: return .work { call throws(OpError) in try unsafe Libraries.determinant(call[0], into: call[1]) }
        case .cholesky: return .work { call throws(OpError) in try unsafe Libraries.cholesky(call[0], into: call[1]) }
        case .qr: return .work { call throws(OpError) in try unsafe Libraries.qr(call[0], q: call[1], r: call[2]) }
        case .svd: return .work { call throws(OpError) in try unsafe Libraries.svd(call[0], u: call[1], s: call[2], vh: call[3]) }
        case .eigh: return .work { call throws(OpError) in try unsafe Libraries.eigh(call[0], values: call[1], vectors: call[2]) }
        case .solveTriangular:
            let (lower, transpose) = (arguments.bool("lower"), arguments.bool("transpose"))
            return .work { call throws(OpError) in
                try unsafe Libraries.solveTriangular(call[0], call[1], lower: lower, transpose: transpose, into: call[2])
            }
        default: return .work { call throws(OpError) in try unsafe Libraries.inverse(call[0], into: call[1]) }
        }
    }
}
