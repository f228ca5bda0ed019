import Language
import Synchronization
import Syntax
import Testing

/// What models take, held against published numbers and against what training and saving really take.
@Suite struct CostTests {
    private func costs(_ text: String) -> [ModelCost] {
        let console = Console(write: { _ in }, report: { _ in }, progress: { _ in }, isTerminal: false, width: 80)
        let session = Session(library: StandardLibrary(root: Scripts.package + "/stdlib"), console: console)
        let source = SourceText(path: "cost.tfs", text: text)
        #expect(session.check(source).filter { $0.severity == .error } == [])
        return session.costs(of: source)
    }

    /// LeCun et al. 1998 with dense second convolution; Simonyan & Zisserman 2014, configuration D; He et al. 2015,
    /// CIFAR with projections.
    @Test(arguments: [
        ("""
        model lenet5(classes = 10) {
            input([28, 28, 1])
            conv2d(6, 5, padding = "same", activation = tanh)
            avg_pool2d(2)
            conv2d(16, 5, activation = tanh)
            avg_pool2d(2)
            flatten()
            dense(120, activation = tanh)
            dense(84, activation = tanh)
            dense(classes)
        }
        """, 61_706, 416_520),
        ("vgg = nets.vgg16()\n", 138_357_544, 15_470_264_320),
        ("""
        layer basic_block(filters: int, stride = 1)(x: f32[batch, h, w, c]) {
            with defaults(conv2d, padding = "same", use_bias = false) {
                shortcut = if stride == 1 { x } else { x |> conv2d(filters, 1, strides = stride) |> batch_norm }
                y = x |> conv2d(filters, 3, strides = stride) |> batch_norm |> relu |> conv2d(filters, 3) |> batch_norm
                relu(y + shortcut)
            }
        }
        model resnet20(classes = 10) {
            input([32, 32, 3])
            conv2d(16, 3, padding = "same", use_bias = false)
            batch_norm
            relu
            for stage in range(3) {
                for i in range(3) { basic_block(16 * 2 ** stage, stride = if stage > 0 and i == 0 { 2 } else { 1 }) }
            }
            global_avg_pool2d()
            dense(classes)
        }
        """, 274_042, 40_813_184),
    ])
    func agreesWithPublishedNumbers(_ text: String, _ parameters: Int, _ multiplyAdds: Int) throws {
        let cost = try #require(costs(text).first)
        #expect(cost.parameters == parameters)
        #expect(cost.multiplyAdds == multiplyAdds)
        #expect(cost.diskBytes == 4 * parameters)
    }

    /// Recurrence and attention multiply more than their parameters: once per step, and positions with each other.
    @Test func countsWhatHasNoParameters() throws {
        let found = costs("""
            steps = model { input([20, 5]); lstm(64) }
            places = model { input([16, 32]); multi_head_attention(4, 8) }
            """)
        #expect(found.map(\.multiplyAdds) == [20 * (5 + 64) * 256, 4 * 16 * 32 * 32 + 2 * 16 * 16 * 32])
    }

    @Test(arguments: [("sgd()", 0), ("sgd(momentum = 0.9)", 1), ("adam()", 2), ("adam(amsgrad = true)", 3), ("adagrad()", 1)])
    func asksTheOptimizerForItsSlots(_ optimizer: String, _ slots: Int) throws {
        let found = costs("""
            estimator e {
                model = model { dense(3) }
                loss = mean_squared_error
                optimizer = \(optimizer)
            }
            e.fit(zeros([100, 4]), zeros([100, 3]), epochs = 1, batch = 20)
            """)
        #expect(found == [found[0]])
        #expect(found[0].name == "e")
        #expect(found[0].parameters == 15)
        #expect(found[0].multiplyAdds == 12)
        #expect(found[0].batch == 20)
        #expect(found[0].activationBytes == 20 * 3 * 4)
        #expect(found[0].optimizerBytes == slots * 15 * 4)
    }

    @Test func namesEachModelOnce() throws {
        let found = costs("""
            encoder = model { dense(8); dense(4) }
            body = model { encoder; dense(2) }
            e = compile(body, mean_squared_error)
            e.fit(zeros([10, 3]), zeros([10, 2]), epochs = 1)
            alone = model { dense(1) }
            print(alone(zeros([7, 3])).shape)
            never = model { dense(1) }
            """)
        #expect(found.map(\.name) == ["e", "alone"])
        #expect(found.map(\.batch) == [32, 7])
    }
}
