public import Syntax

/// `test` blocks.
extension Session {
    /// One `test`, or the file's own statements before the first.
    public struct TestResult: Sendable {
        /// `nil`: the file's own statements.
        public var name: String?
        public var place: SourceRange
        public var seconds: Double
        /// 0, 1 (an `expect` failed), 2 (the check failed), 3 (a run-time error), 130 (interrupted).
        public var status: Int32
        public var measurements: Measurements
    }

    /// The tests that a text declares, without running any.
    public static func tests(in source: SourceText) -> [(name: String, place: SourceRange)] {
        parse(source).script.statements.compactMap { statement in
            if case .test(let name, let range, _) = statement.kind { (name, range) } else { nil }
        }
    }

    /// Runs a file's own statements once, then each of its tests that are chosen; tells of each when it is done.
    public func test(_ source: SourceText, choosing isChosen: (String) -> Bool = { _ in true }, done: (TestResult) -> Void) {
        let clock = ContinuousClock()
        var start = clock.now
        func finish(_ name: String?, _ place: SourceRange, _ status: Int32) {
            let elapsed = start.duration(to: clock.now).components
            done(
                TestResult(
                    name: name, place: place, seconds: Double(elapsed.seconds) + Double(elapsed.attoseconds) * 1e-18, status: status,
                    measurements: machine?.measurements ?? Measurements()))
            start = clock.now
        }
        let outcome = run(source)
        finish(nil, SourceRange(source, 0, 0), outcome.status)
        guard outcome.status < 2, let machine, let module = ran?.module else { return }
        for test in module.tests where isChosen(test.name) {
            machine.failedExpectations = []
            machine.measurements = Measurements()
            var status: Int32 = 0
            do {
                _ = try machine.invoke(test.code, [], captures: [], module: module)
                status = machine.failedExpectations.isEmpty ? 0 : 1
            } catch {
                if let diagnostic = machine.describe(error, above: 0) as? Diagnostic {
                    report(diagnostic)
                    status = 3
                } else {
                    status = 130
                }
            }
            finish(test.name, test.place, status)
            if status == 130 { return }
        }
    }

    /// What the last run measured in the file's own statements and the functions that they call.
    public var measurements: Measurements { machine?.measurements ?? Measurements() }

    /// What the models of the last run take, data known; of a file that did not run, as far as its check can tell.
    public func costsOfRun(of source: SourceText) -> [ModelCost] {
        guard let machine, let ran else { return costs(of: source) }
        return machine.costs(of: ran.module, ran.code)
    }
}

extension Module {
    /// Tests whose name an earlier one has.
    var repeatedTests: [Diagnostic] {
        var places: [String: SourceRange] = [:]
        return tests.compactMap { test in
            if let first = places[test.name] { return .testTwice(test.name, at: test.place, first: first) }
            places[test.name] = test.place
            return nil
        }
    }
}
