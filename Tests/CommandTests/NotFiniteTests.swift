import Testing

@Suite struct NotFiniteTests {
    /// After a fit that failed the estimator goes on from the parameters before the step.
    @Test func whatWasLearnedBeforeStays() throws {
        let outcome = try tfs(
            input: """
                loss = (labels, p) -> mean(square(labels - p)) + 0.0 * log(mean(p) - 0.2)
                m = compile(model { dense(1, kernel_initializer = ones, use_bias = false); squeeze_single }, loss = loss, optimizer = sgd(0.1), metrics = [])
                m.fit(ones([8, 1]), zeros([8]), epochs = 20);
                print(m.params[0].value.item(), len(m.history.loss))

                """)
        #expect(outcome.errors.contains("the loss is nan at step 9, in epoch 9"), "\(outcome.errors)")
        #expect(outcome.output == "0.16777217388153076 8\n", "\(outcome.output)")
    }
}
