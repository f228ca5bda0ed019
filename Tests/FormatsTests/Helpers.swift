import Glibc

/// The path of a file made by `golden/make.py`.
func golden(_ name: String, file: String = #filePath) -> String {
    file.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 } + "/golden/" + name
}

func withTemporaryFile(_ body: (String) throws -> Void) throws {
    let path = "/tmp/tfs-test-\(getpid())-\(UInt64.random(in: 0...UInt64.max))"
    defer { unsafe unlink(path) }
    try body(path)
}

/// Repeatable noise for damaging files.
struct Noise {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func below(_ bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int((state >> 33) % UInt64(max(bound, 1)))
    }
}
