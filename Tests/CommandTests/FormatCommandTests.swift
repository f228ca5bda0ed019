import FoundationEssentials
import Testing

@Suite struct FormatCommandTests {
    @Test func writesInPlaceAndKeepsPermissions() throws {
        let scratch = try Scratch()
        let file = try scratch.file("a.tfs", "#!/usr/bin/env tfs\nprint( 1 )")
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file)
        try FileManager.default.createSymbolicLink(atPath: scratch.path + "/link.tfs", withDestinationPath: file)
        #expect(try tfs("fmt", scratch.path + "/link.tfs").status == 0)
        #expect(try scratch.text("a.tfs") == "#!/usr/bin/env tfs\nprint(1)\n")
        #expect(try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int == 0o755)
        #expect(try FileManager.default.attributesOfItem(atPath: scratch.path + "/link.tfs")[.type] as? FileAttributeType == .typeSymbolicLink)
    }

    @Test func checksAndDiffsFolders() throws {
        let scratch = try Scratch()
        let good = try scratch.file("good.tfs", "a = 1\n")
        let bad = try scratch.file("bad.tfs", "a = 1\nb  =  2\nc = 3\n")
        var outcome = try tfs("fmt", "--check", scratch.path)
        #expect((outcome.status, outcome.output) == (1, bad + "\n"))
        outcome = try tfs("fmt", "--diff", bad, good)
        #expect((outcome.status, outcome.output) == (0, "--- \(bad)\n+++ \(bad)\n@@ -1,3 +1,3 @@\n a = 1\n-b  =  2\n+b = 2\n c = 3\n"))
        #expect(try tfs("fmt", "--diff", "--check", bad).status == 1)
        #expect(try scratch.text("bad.tfs") == "a = 1\nb  =  2\nc = 3\n")
        #expect(try tfs("fmt", scratch.path).status == 0)
        #expect(try tfs("fmt", "--check", scratch.path).status == 0)
    }

    @Test func leavesWhatDoesNotParse() throws {
        let scratch = try Scratch()
        let file = try scratch.file("a.tfs", "a  =  (\n")
        let outcome = try tfs("fmt", file, scratch.path + "/missing.tfs")
        #expect(outcome.status == 2)
        #expect(outcome.errors.contains("error[E01") && outcome.errors.contains("E0001"))
        #expect(try scratch.text("a.tfs") == "a  =  (\n")
    }

    @Test func formatsStandardInput() throws {
        for arguments in [["fmt"], ["fmt", "-"]] {
            let outcome = try runCommand(arguments, input: Array("\u{FEFF}a  =  1\r\nb=2".utf8))
            #expect((outcome.status, outcome.output) == (0, "a = 1\nb = 2\n"))
        }
        #expect(try tfs("fmt", "--check", input: "a=1").output == "<stdin>\n")
    }
}
