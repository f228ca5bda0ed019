import Testing

@testable import Formats

struct CSVTests {
    private func parse(_ text: String, _ options: CSV.Options = .init()) throws -> CSV.Contents {
        try CSV.parse(Array(text.utf8), path: "t.csv", options: options)
    }

    private func failure(_ text: String, _ options: CSV.Options = .init()) -> FormatError? {
        do {
            _ = try CSV.parse(Array(text.utf8), path: "t.csv", options: options)
            return nil
        } catch { return error }
    }

    @Test func kindsAreInferredColumnByColumn() throws {
        let table = try parse("a,b,c,d\n1,1.5,true,x\n-2,2,False,\n3,1e3,true,z\n")
        #expect(table.names == ["a", "b", "c", "d"])
        #expect(table.columns.map(\.kind) == [.int, .float, .bool, .string])
        #expect(table.columns[0] == Column([1, -2, 3]))
        #expect(table.columns[1] == Column([1.5, 2, 1000]))
        #expect(table.columns[2] == Column([true, false, true]))
        #expect(table.columns[3][1] == .missing)
    }

    @Test func textAfterNumbersKeepsItsSpelling() throws {
        let table = try parse("id,n\n007,1\n0x1,2\nabc,3\n")
        #expect(table.columns[0] == Column(["007", "0x1", "abc"]))
        #expect(table.columns[1] == Column([1, 2, 3]))
        #expect(try parse("a,b\n ,1\nx,2\n").columns[0] == Column([" ", "x"]))
        #expect(try parse("a,b\nnan,1\n2,2\n").columns[0] == Column(.numbers([.nan, 2], isInteger: true), missing: [true, false]))
    }

    @Test func whatPeopleWriteForAMissingNumberIsMissing() throws {
        let numbers = Column(.numbers([.nan, 2, .nan, .nan], isInteger: true), missing: [true, false, true, true])
        #expect(try parse("a,b\nN/A,1\n2,2\nnull,3\n?,4\n").columns[0] == numbers)
        let truths = Column(.bools([true, false]), missing: [false, true])
        #expect(try parse("a,b\ntrue,1\nNA,2\n").columns[0] == truths)
        // In a column of text they are text: NA is Namibia too.
        #expect(try parse("a,b\nNA,1\nDE,2\n").columns[0] == Column(["NA", "DE"]))
        #expect(try parse("a,b\nDE,1\n-,2\n").columns[0] == Column(["DE", "-"]))
        #expect(try parse("a,b\n-5,1\n-,2\n").columns[0] == Column(.numbers([-5, .nan], isInteger: true), missing: [false, true]))
    }

    @Test func quotesHoldCommasNewlinesAndQuotes() throws {
        let table = try parse("a,b\r\n\"x, y\",\"say \"\"hi\"\"\"\r\n\"two\nlines\",plain\r\n")
        #expect(table.columns[0] == Column(["x, y", "two\nlines"]))
        #expect(table.columns[1] == Column(["say \"hi\"", "plain"]))
    }

    @Test func byteOrderMarkBlankLinesAndNoLastNewline() throws {
        let table = try parse("\u{feff}a,b\n\n1,2\n\n3,4")
        #expect(table.names == ["a", "b"])
        #expect(table.columns[1] == Column([2, 4]))
        #expect(try parse("a\n1\n\n3\n").columns[0].missing == [false, true, false])
        #expect(try parse("a,b\n").columns[0].count == 0)
    }

    @Test(arguments: ["0.1", "1e22", "1e23", "123456789012345678", "4.9e-324", "1.7976931348623157e308", "-0.0", "1e-400",
                      "3.14159265358979323846264338327950288", "9007199254740993", ".5", "5.", "+1", "1E5", "0.000001"])
    func numbersAreExact(_ text: String) throws {
        let column = try parse("a\n\(text)\n").columns[0]
        guard case .numbers(let values, _) = column.values else { Issue.record("no number: \(text)"); return }
        let expected = try #require(Double(text.hasSuffix(".") ? text + "0" : text))
        #expect(values[0].bitPattern == expected.bitPattern)
    }

    @Test(arguments: ["1e", "1.2.3", "--1", ".", "1_000", "0x10", "e5", "1 2", "+-1", "infinit", "1e5x"])
    func otherTextIsNoNumber(_ text: String) throws {
        #expect(try parse("a\n\(text)\n").columns[0] == Column([text]))
    }

    @Test func wideIntegersAreFloats() throws {
        #expect(try parse("a\n9007199254740992\n").columns[0].kind == .int)
        #expect(try parse("a\n90071992547409931\n").columns[0].kind == .float)
        #expect(try parse("a\n12345678901234567890123\n", .init(types: ["a": .string])).columns[0] == Column(["12345678901234567890123"]))
    }

    @Test func optionsChooseColumnsKindsAndMissingCells() throws {
        let text = "a;b;c\n1;NA;x\n2;5;NA\n"
        let table = try parse(text, .init(delimiter: UInt8(ascii: ";"), na: ["NA"], columns: ["c", "b"], types: ["b": .float]))
        #expect(table.names == ["c", "b"])
        #expect(table.columns[1] == Column(.numbers([.nan, 5], isInteger: false), missing: [true, false]))
        #expect(table.columns[0].isMissing(1))
        let bare = try parse("1,2\n3,4\n", .init(header: false))
        #expect(bare.names == ["column_1", "column_2"] && bare.columns[0] == Column([1, 3]))
        #expect(try parse("a,,a\n1,2,3\n").names == ["a", "column_2", "a_2"])
    }

    @Test func errorsNameTheLineAndColumn() {
        #expect(failure("a,b\n1,2\n1,2,3\n")?.description == "t.csv:3:1: this row has 3 cells, the header 2")
        #expect(failure("a,b\n1,\"x\ny\n")?.place == .line(2, column: 3))
        #expect(failure("a,b\n\"x\"y,2\n")?.what == "there is text after a closing quote")
        #expect(failure("a,b\n\"x\n\",1\n5,q\n", .init(types: ["b": .int]))?.place == .line(4, column: 3))
        do {
            _ = try CSV.parse(Array("n,v\nGr".utf8) + [0xfc] + Array("n,1\n".utf8))
            Issue.record("no error")
        } catch {
            #expect(error.place == .line(2, column: 1) && error.mend == "save the file as UTF-8")
        }
        #expect(failure("")?.what == "the file is empty")
        #expect(failure("age,sex\n1,2\n", .init(columns: ["aeg"]))?.mend == "did you mean `age`?")
        #expect(failure("a\n1\n", .init(types: ["z": .int]))?.code == "E0603")
    }

    @Test func missingFilesAndFoldersAreErrors() {
        #expect(throws: FormatError.self) { try CSV.read("/no/such/file.csv") }
        do { _ = try CSV.read("/tmp") } catch { #expect(error.what == "cannot read `/tmp`: it is a folder") }
        #expect(throws: FormatError.self) { try Files.write([1], to: "/no/such/folder/x") }
    }

    @Test func writingAndReadingGiveTheSame() throws {
        let contents = CSV.Contents(
            names: ["a b", "c,d", "e"],
            columns: [
                Column(.numbers([0.1, .nan, -3e300], isInteger: false), missing: [false, true, false]),
                Column(["x\"y", "line\nbreak", "日本"]), Column([true, false, true]),
            ])
        try withTemporaryFile { path in
            try CSV.write(contents, to: path)
            #expect(try CSV.read(path) == contents)
            #expect(try CSV.readHeader(path) == .init(names: ["a b", "c,d", "e"], firstRow: ["0.1", "x\"y", "true"], texts: ["c,d": "x\"y"], columns: contents.columns))
        }
    }

    /// The check takes only columns for text that no later row can make anything else.
    @Test func firstRowsTellWhichColumnsAreText() throws {
        func texts(_ text: String, _ options: CSV.Options = .init()) throws -> [String: String] {
            var texts: [String: String] = [:]
            try withTemporaryFile { path in
                try Files.write(Array(text.utf8), to: path)
                texts = try CSV.readHeader(path, options: options).texts
            }
            return texts
        }
        #expect(try texts("a,b,c,d\n1,,x,true\n2.5,NA,,false\n3,,7,maybe\n") == ["c": "x", "d": "maybe"])
        #expect(try texts("a,b\n1,-\n2,-\n", .init(na: ["-"], types: ["a": .string])) == ["a": "1"])
        // What comes behind the sample, or cannot be read, is the run's.
        #expect(try texts("a\n" + String(repeating: "1\n", count: 5000) + "x\n") == [:])
        #expect(try texts("a,b\n1,x\n2\n") == ["b": "x"])
        #expect(try texts("a,b\n1,x\n\"2,3\n") == ["b": "x"])
        #expect(try texts("a,b\n") == [:])
    }

    @Test func aRowThatDoesNotEndIsNotLookedForToTheEnd() throws {
        let open = "1,\"" + String(repeating: "x", count: 4 << 20)
        let stream = try ByteStream(Array(open.utf8), path: "open.csv")
        var scanner = try CSVScanner(stream, delimiter: UInt8(ascii: ","))
        #expect(throws: FormatError.self) { try scanner.next(within: 1 << 18) }
        #expect(scanner.buffer.count < 1 << 20)
        try withTemporaryFile { path in
            try Files.write(Array("a,b\n2,y\n\(open)".utf8), to: path)
            #expect(try CSV.readHeader(path) == .init(names: ["a", "b"], firstRow: ["2", "y"], texts: ["b": "y"]))
        }
    }

    /// Records longer than the read buffer, and cut anywhere by its end.
    @Test func longRecordsSpanTheBuffer() throws {
        let long = String(repeating: "ab\"\"c\r\n", count: 60_000)
        var text = "k,v\n"
        for row in 0..<50 { text += "\(row),\"\(row % 7 == 0 ? long : String(repeating: "y", count: row * 997))\"\r\n" }
        let table = try parse(text)
        #expect(table.columns[0] == Column(Array(0..<50)))
        #expect(table.columns[1][7] == .string(long.replacing("\"\"", with: "\"")))
        #expect(table.columns[1][8] == .string(String(repeating: "y", count: 8 * 997)))
    }

    @Test func gzipIsReadByItself() throws {
        let bytes = try Files.read(golden("table.csv.gz"))
        #expect(try CSV.parse(bytes).columns[0] == Column([1, 3]))
        for length in 0..<bytes.count {
            _ = try? CSV.parse(Array(bytes[..<length]))
            var damaged = bytes
            damaged[length] ^= 0x55
            _ = try? CSV.parse(damaged)
        }
    }

    @Test func damagedTextNeverTraps() {
        let base = Array("a,\"b\"\"\",c\r\n1,\"x\ny\",true\n-1e5,,nan\n\"\",z,false\n".utf8)
        var random = Noise(seed: 11)
        for _ in 0..<4000 {
            var bytes = base
            for _ in 0...random.below(4) {
                switch random.below(3) {
                case 0: bytes[random.below(bytes.count)] = UInt8(random.below(256))
                case 1: bytes.insert([34, 44, 10, 13, 255, 0][random.below(6)], at: random.below(bytes.count))
                default: bytes.removeSubrange(random.below(bytes.count)...)
                }
                if bytes.isEmpty { break }
            }
            _ = try? CSV.parse(bytes)
        }
    }
}
