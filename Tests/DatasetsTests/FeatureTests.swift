import Formats
import Testing

@testable import Datasets

struct FeatureTests {
    private func table() throws -> Table {
        let n = 100
        return try Table(
            names: ["age", "flag", "sex", "city", "name", "same", "y"],
            columns: [
                Column(.numbers((0..<n).map { $0 % 10 == 9 ? .nan : Double($0 % 10) }, isInteger: true), missing: (0..<n).map { $0 % 10 == 9 }),
                Column((0..<n).map { $0 % 2 }),
                Column(.strings((0..<n).map { $0 % 3 == 0 ? "m" : $0 % 3 == 1 ? "f" : "" }), missing: (0..<n).map { $0 % 3 == 2 }),
                Column((0..<n).map { "town \($0 % 40)" }), Column((0..<n).map { "person \($0)" }),
                Column((0..<n).map { _ in 7 }), Column((0..<n).map { $0 % 2 == 0 ? "no" : "yes" }),
            ], label: "y")
    }

    @Test(arguments: [("id", true), ("ID", true), ("user_id", true), ("PassengerId", true), ("humid", false), ("HUMID", false), ("hour", false)])
    func anIdIsNoFeature(name: String, isDropped: Bool) throws {
        let table = try Table(names: [name, "a"], columns: [Column(Array(0..<20)), Column((0..<20).map { $0 % 3 })])
        #expect(try FeatureSpace(auto: table).notes == (isDropped ? ["dropped `\(name)`: its number differs on every row"] : []))
    }

    @Test func autoChoosesByWhatTheColumnsHold() throws {
        let table = try table()
        let space = try FeatureSpace(auto: table)
        #expect(space.denseNames == ["age", "age missing", "flag", "sex = f", "sex = m", "sex other"])
        #expect(space.embeddings.map(\.name) == ["city"])
        #expect(space.embeddings[0].vocabulary == 41)
        #expect(space.embeddings[0].dimension == 5)
        #expect(space.notes == ["dropped `name`: its text differs on every row", "dropped `same`: it is 7 in every row"])
        let encoded = try space.encode(table)
        #expect(encoded.width == 6 && encoded.rows == 100)
        // Ages 0…8, 90 of them: mean 4, variance 60/9.
        let deviation = (60.0 / 9).squareRoot()
        #expect(Array(encoded.dense[0..<6]) == [Float(-4 / deviation), 0, 0, 0, 1, 0])
        #expect(Array(encoded.dense[54..<60]) == [0, 1, 1, 0, 1, 0])
        #expect(encoded.dense[12 + 5] == 1)
        #expect(encoded.ids[0][3] == encoded.ids[0][43])
    }

    @Test func newRowsMayHoldOtherWordsAndColumns() throws {
        let space = try FeatureSpace(auto: table())
        let row = try Table(
            names: ["extra", "sex", "city", "flag", "age"],
            rows: [[.int(1), .string("x"), .string("nowhere"), .int(1), .float(4)]])
        let encoded = try space.encode(row)
        #expect(encoded.dense == [0, 0, 1, 0, 0, 1])
        #expect(encoded.ids == [[40]])
        do {
            _ = try space.encode(row.rename("age", to: "aeg"))
            Issue.record("no error")
        } catch {
            #expect(error.code == "E0501")
            #expect(error.mend == "did you mean `aeg`?")
        }
        do {
            _ = try space.encode(row.setting("age", to: Column(["old"])))
            Issue.record("no error")
        } catch { #expect(error.code == "E0506") }
    }

    @Test func spacesSurviveJSON() throws {
        let space = try FeatureSpace(
            [
                .numeric("age", normalize: true), .bucketized("age", boundaries: [2, 5.5]),
                .vocabulary("sex", words: ["m", "f"], otherBuckets: 1), .embedding(.hashed("city", buckets: 10), dimension: 3),
                .indicator(.crossed(["sex", "flag"], buckets: 8)), .identity("flag", buckets: 2),
                .weighted(.identity("flag", buckets: 2), by: "same"),
            ], fitting: table())
        let text = space.json.text()
        let again = try #require(FeatureSpace(json: JSON.parse(text)))
        #expect(again == space)
        #expect(try again.encode(table()) == space.encode(table()))
        #expect(space.width == 2 + 4 + 3 + 8 + 2 + 2)
        let auto = try FeatureSpace(auto: table())
        #expect(try FeatureSpace(json: JSON.parse(auto.json.text())) == auto)
        #expect(FeatureSpace(json: .object([])) == nil)
    }

    @Test func bucketsAreClosedOnTheLeft() throws {
        let table = try Table(names: ["a"], columns: [Column(.numbers([1, 2, 3, 9, .nan], isInteger: false), missing: [false, false, false, false, true])])
        #expect(try Category(.bucketized("a", boundaries: [2, 5])).ids(table) == [0, 1, 1, 2, 3])
    }

    @Test func wrongFeaturesAreErrors() throws {
        let table = try table()
        for bad: Feature in [
            .numeric("nothing", normalize: true), .numeric("sex", normalize: true), .numeric("y", normalize: true),
            .bucketized("age", boundaries: [3, 1]), .hashed("sex", buckets: 0), .embedding(.numeric("age", normalize: false), dimension: 2),
            .embedding(.hashed("sex", buckets: 4), dimension: 0), .crossed(["sex"], buckets: 3), .hashed("sex", buckets: .max),
        ] {
            #expect(throws: DataError.self, "\(bad)") { try FeatureSpace([bad], fitting: table) }
        }
        #expect(throws: DataError.self) { try FeatureSpace([.identity("age", buckets: 3)], fitting: table).encode(table) }
        #expect(throws: DataError.self) { try FeatureSpace(auto: table.select(["same", "y"])) }
    }

    @Test func labelsAreSortedClasses() throws {
        let numbers = try LabelSpace(Column([10, 9, 10, -1]), name: "y")
        #expect(numbers.names == ["-1", "9", "10"])
        #expect(try numbers.encode(Column([9.0, 10.0]), name: "y") == [1, 2])
        #expect(numbers.decode([2, 0]) == Column([10, -1]))
        let words = try LabelSpace(Column(["b", "B", "ä", "a"]), name: "y")
        #expect(words.names == ["B", "a", "b", "ä"])
        #expect(LabelSpace(json: words.json) == words)
        do {
            _ = try words.encode(Column(["a", "bb"]), name: "y")
            Issue.record("no error")
        } catch { #expect(error.what == "row 1 has the label `bb`, which is not one of the classes `B`, `a`, `b`, `ä`") }
        #expect(throws: DataError.self) { try LabelSpace(Column(["a", "a"]), name: "y") }
        #expect(throws: DataError.self) { try LabelSpace(Column(.strings(["", "a"]), missing: [true, false]), name: "y") }
        #expect(throws: DataError.self) { try LabelSpace.numbers(Column(["a"]), name: "y") }
        #expect(try LabelSpace.numbers(Column([true, false]), name: "y") == [1, 0])
    }
}
