// swift-tools-version: 6.2
import PackageDescription

let house: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .strictMemorySafety(),
    .treatWarning("StrictMemorySafety", as: .error),
]

/// Modules that own hot loops trade the run-time exclusivity checks away; the compiler's static ones stay.
let hot: [SwiftSetting] = house + [.unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))]

/// Whole AVX-512 registers where they are: half of their width is the compiler's choice for processors of long ago.
#if arch(x86_64)
let wide = ["-mprefer-vector-width=512"]
#else
let wide: [String] = []
#endif

let package = Package(
    name: "tfs",
    products: [.executable(name: "tfs", targets: ["tfs"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    ],
    targets: [
        // System libraries: module maps, nothing else.
        .systemLibrary(name: "ConeDNN", pkgConfig: nil, providers: [.apt(["libdnnl-dev"])]),
        .systemLibrary(name: "CReadline", pkgConfig: nil, providers: [.apt(["libreadline-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: nil, providers: [.apt(["zlib1g-dev"])]),
        // OpenBLAS is loaded at first use, because its core type must be chosen before it is loaded.
        .target(name: "COpenBLAS", cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]),
        .target(
            name: "CKernels", cSettings: [.unsafeFlags(["-O3", "-fno-math-errno", "-fwrapv", "-Wno-pass-failed", "-Wall", "-Wextra", "-Wconversion", "-Werror"] + wide)]),

        .target(name: "Syntax", swiftSettings: house),
        .target(name: "Graphs", dependencies: ["CKernels"], swiftSettings: house),
        .target(name: "Engine", dependencies: ["Graphs", "CKernels", "COpenBLAS", "ConeDNN"], swiftSettings: hot),
        .target(name: "Formats", dependencies: ["Engine", "Graphs", "CZlib"], swiftSettings: house),
        .target(name: "Datasets", dependencies: ["Formats", "Engine", "Graphs"], swiftSettings: house),
        .target(name: "Training", dependencies: ["Datasets", "Engine", "Graphs"], swiftSettings: house),
        .target(
            name: "Language", dependencies: ["Syntax", "Training", "Datasets", "Formats", "Engine", "Graphs"],
            swiftSettings: hot),
        .executableTarget(
            name: "tfs",
            dependencies: [
                "Language", "Syntax", "Formats", "Engine", "CReadline",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: house),

        // What makes bad input, and the program that feeds it to the layers for hours.
        .target(name: "Fuzzing", dependencies: ["Language", "Syntax", "Datasets", "Formats", "Graphs", "Engine"], path: "Tests/Fuzzing", swiftSettings: house),
        .executableTarget(name: "fuzz", dependencies: ["Fuzzing"], path: "Tests/fuzz", swiftSettings: house),

        .testTarget(name: "SyntaxTests", dependencies: ["Syntax", "Fuzzing"], exclude: ["fixtures"], swiftSettings: house),
        .testTarget(name: "GraphsTests", dependencies: ["Graphs"], swiftSettings: house),
        .testTarget(name: "EngineTests", dependencies: ["Engine", "Graphs"], exclude: ["golden"], swiftSettings: house),
        .testTarget(name: "FormatsTests", dependencies: ["Formats", "Engine", "Graphs"], exclude: ["golden"], swiftSettings: house),
        .testTarget(name: "DatasetsTests", dependencies: ["Datasets", "Formats", "Engine", "Graphs"], swiftSettings: house),
        .testTarget(name: "LanguageTests", dependencies: ["Language", "Syntax", "Datasets", "Engine", "Fuzzing"], swiftSettings: house),
        .testTarget(name: "CommandTests", dependencies: ["tfs", "Language"], exclude: ["golden"], swiftSettings: house),
    ]
)
