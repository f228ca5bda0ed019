import Formats
import Testing

@testable import Datasets

struct TableTests {
    private func people() throws -> Table {
        try Table(
            names: ["name", "age", "ok"],
            columns: [
                Column(["Bo", "Al", "Cy", "Di"]),
                Column(.numbers([30, 20, .nan, 25], isInteger: true), missing: [false, false, true, false]),
                Column([true, false, true, true]),
            ])
    }

    @Test func aTablePrintsAligned() throws {
        #expect(
            try people().description == """
                name  age  ok
                Bo     30  true
                Al     20  false
                Cy      -  true
                Di     25  true
                [4 rows, 3 columns]
                """)
        let wide = try Table(names: ["x", "text"], columns: [Column(Array(0..<100)), Column((0..<100).map { "\($0) \(String(repeating: "w", count: 50))" })])
        #expect(
            wide.text(width: 20, rows: 4) == """
                 x  …
                 0  …
                 1  …
                …
                98  …
                99  …
                [100 rows, 2 columns]
                """)
        let numbers = try Table(names: ["v"], columns: [Column([0.1234567, 1234567.5, 1e-9])])
        #expect(numbers.text() == "        v\n 0.123457\n1234570.0\n    1e-09\n[3 rows, 1 column]")
    }

    @Test func wrongColumnsAreErrors() throws {
        let table = try people()
        do {
            _ = try table.select(["aeg"])
            Issue.record("no error")
        } catch {
            #expect(error.what == "the table has no column `aeg`")
            #expect(error.mend == "did you mean `age`?")
        }
        #expect(throws: DataError.self) { try Table(names: ["a", "a"], columns: [Column([1]), Column([2])]) }
        #expect(throws: DataError.self) { try Table(names: ["a", "b"], columns: [Column([1]), Column([2, 3])]) }
        #expect(throws: DataError.self) { try table.labelColumn() }
        #expect(throws: DataError.self) { try table.row(4) }
        #expect(try table.row(-1) == [.string("Di"), .int(25), .bool(true)])
    }

    @Test func splitsHaveTheSharesAndEveryRowOnce() throws {
        let table = try Table(names: ["i"], columns: [Column(Array(0..<150))])
        let parts = try table.split([0.8])
        #expect(parts.map(\.count) == [120, 30])
        let all = parts.flatMap { part in (0..<part.count!).map { part.columns[0][$0] } }
        #expect(Set(all).count == 150)
        #expect(try table.split([0.8]) == parts)
        #expect(try table.split([0.8], seed: 1) != parts)
        #expect(try table.split([0.8], shuffle: false)[1].columns[0] == Column(Array(120..<150)))
        #expect(try table.split([0.7, 0.15]).map(\.count) == [105, 23, 22])
        for bad in [[], [0], [1.5], [80], [0.8, 0.2], [.nan], [0.5, 0.6]] as [[Double]] {
            #expect(throws: DataError.self) { try table.split(bad) }
        }
    }

    @Test func stratifiedSplitsKeepProportions() throws {
        let labels = (0..<1000).map { $0 % 10 == 0 ? "rare" : "common" }
        let table = try Table(names: ["y", "i"], columns: [Column(labels), Column(Array(0..<1000))], label: "y")
        for part in try table.split([0.5, 0.25], seed: 3, stratify: true) {
            let rare = (0..<part.count!).count { part.columns[0][$0] == .string("rare") }
            #expect(abs(rare * 10 - part.count!) <= 10)
        }
    }

    @Test func sortPutsMissingLastAndIsStable() throws {
        let table = try people()
        #expect(try table.sort(by: "age").column("name") == Column(["Al", "Di", "Bo", "Cy"]))
        #expect(try table.sort(by: "age", descending: true).column("name") == Column(["Bo", "Di", "Al", "Cy"]))
        #expect(try table.sort(by: "ok").column("name") == Column(["Al", "Bo", "Cy", "Di"]))
    }

    @Test func groupsComeInOrder() throws {
        let groups = try people().group(by: ["ok"])
        #expect(groups.map(\.key) == [[.bool(false)], [.bool(true)]])
        #expect(groups.map(\.rows.count) == [1, 3])
    }

    @Test func describeCountsAndMeasures() throws {
        let table = try people().describe()
        #expect(try table.column("count") == Column([4, 3, 4]))
        #expect(try table.column("mean")?[1] == .float(25))
        #expect(try table.column("std")?[1] == .float(5))
        #expect(try table.column("q25")?[1] == .float(22.5))
        #expect(try table.column("top")?[2] == .string("true"))
        #expect(try Table(names: ["a"], columns: [Column([String]())]).describe().count == 1)
    }

    @Test func schemasKnowNamesOnly() throws {
        let schema = try Table(schema: ["a", "b", "y"], label: "y")
        #expect(schema.featureNames == ["a", "b"])
        #expect(try schema.split([0.5]).count == 2)
        #expect(try schema.drop(["a"]).names == ["b", "y"])
        #expect(try schema.column("a") == nil)
        #expect(throws: DataError.self) { try schema.column("c") }
        #expect(try schema.sort(by: "a").head(3).filter([]).isSchema)
    }

    @Test func rowsMakeATable() throws {
        let table = try Table(names: ["a", "b"], rows: [[.int(1), .missing], [.float(2.5), .string("x")]])
        #expect(table.columns[0] == Column([1, 2.5]))
        #expect(table.columns[1].isMissing(0))
        #expect(throws: DataError.self) { try Table(names: ["a"], rows: [[.int(1)], [.string("x")]]) }
        #expect(try table.appending(table).count == 4)
    }
}
