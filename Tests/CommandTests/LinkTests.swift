import FoundationEssentials
import Testing

/// Every link from one page of the project to another leads somewhere.
@Suite struct LinkTests {
    static let pages: [String] = ["", "docs", "docs/tour", "docs/errors", "examples/data", "stdlib/datasets"].flatMap { folder in
        DocumentTests.names(in: folder).filter { $0.hasSuffix(".md") }.map { folder.isEmpty ? $0 : folder + "/" + $0 }
    }

    @Test(arguments: pages)
    func linksResolve(_ path: String) throws {
        let page = try Self.page(path)
        let folder = URL(filePath: DocumentTests.project + "/" + path).deletingLastPathComponent()
        for line in page.prose {
            for link in line.matches(of: #/\]\((?<target>[^)\s]+)\)/#).map(\.output.target) where !link.contains("://") {
                let parts = link.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
                let target = parts[0].isEmpty ? DocumentTests.project + "/" + path : folder.appending(path: parts[0]).path
                guard FileManager.default.fileExists(atPath: target) else {
                    Issue.record("\(path): nothing is at \(link)")
                    continue
                }
                guard parts.count == 2 else { continue }
                let headings = Page(String(decoding: try Data(contentsOf: URL(filePath: target)), as: UTF8.self)).prose.filter { $0.hasPrefix("#") }
                #expect(headings.map(Self.anchor).contains(parts[1]), "\(path): no heading for \(link)")
            }
        }
    }

    private static func page(_ path: String) throws -> Page {
        Page(String(decoding: try Data(contentsOf: URL(filePath: DocumentTests.project + "/" + path)), as: UTF8.self))
    }

    /// A heading's anchor as GitHub makes it.
    private static func anchor(_ heading: String) -> String {
        String(heading.drop { $0 == "#" || $0 == " " }.lowercased().filter { $0.isLetter || $0.isNumber || " -_".contains($0) }.map { $0 == " " ? "-" : $0 })
    }
}
