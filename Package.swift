// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

/// `-O3` even in debug builds, so that tests run at speed; `-ffp-contract=off` so that a result never depends on
/// which multiplications a compiler chose to fuse.
let kernelSettings: [CSetting] = [
    .unsafeFlags(["-O3", "-ffp-contract=off", "-Wall", "-Wextra", "-Wno-unused-parameter"])
]

func library(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(
        name: name, dependencies: dependencies + ["DMSTestSupport"], swiftSettings: strict)
}

let package = Package(
    name: "swift-dms",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "DMSPolicy", targets: ["DMSPolicy"]),
        .library(
            name: "DMSEngine",
            targets: [
                "DMSJSON", "DMSTensor", "DMSCheckpoint", "DMSTokenizer", "DMSGrammar", "DMSModel", "DMSCache",
                "DMSEngine",
            ]),
        .library(name: "DMSEvaluation", targets: ["DMSEvaluation", "DMSPicture"]),
        .library(name: "DMSServer", targets: ["DMSServer"]),
        .library(name: "DMSTraining", targets: ["DMSTraining", "DMSMPI", "DMSPicture"]),
        .library(name: "DMSHub", targets: ["DMSHub"]),
        .library(name: "DMSDoctor", targets: ["DMSDoctor"]),
        .library(name: "DMSQuantization", targets: ["DMSQuantization"]),
        .executable(name: "dms", targets: ["dms"]),
    ],
    traits: [
        .trait(name: "MPI", description: "Train over several processes and machines, with Open MPI.")
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.14.0"),
        .package(url: "https://github.com/apple/swift-http-types.git", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.0", traits: []),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
        .package(url: "https://github.com/swift-server/async-http-client.git", from: "1.33.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.30.0"),
    ],
    targets: [
        .target(name: "CDMSKernels", cSettings: kernelSettings),
        .target(name: "CDMSDigest", cSettings: kernelSettings),
        // Only the trait needs it installed.
        .systemLibrary(name: "COpenMPI", pkgConfig: "ompi-c", providers: [.apt(["libopenmpi-dev"])]),
        .target(
            name: "CDMSMPI", dependencies: [.target(name: "COpenMPI", condition: .when(traits: ["MPI"]))],
            cSettings: [.define("DMS_MPI", .when(traits: ["MPI"]))]),
        library("DMSJSON"),
        library("DMSPicture"),
        library("DMSPolicy"),
        library("DMSTensor", ["CDMSKernels"]),
        library("DMSTokenizer", ["DMSJSON"]),
        library("DMSGrammar", ["DMSJSON", "DMSTokenizer"]),
        library("DMSCheckpoint", ["CDMSDigest", "DMSJSON", "DMSPolicy"]),
        library("DMSModel", ["DMSCheckpoint", "DMSJSON", "DMSPolicy", "DMSTensor"]),
        library("DMSCache", ["DMSCheckpoint", "DMSJSON", "DMSModel", "DMSPolicy", "DMSTensor"]),
        library(
            "DMSEngine",
            [
                "DMSCache", "DMSCheckpoint", "DMSGrammar", "DMSJSON", "DMSModel", "DMSPolicy", "DMSTensor",
                "DMSTokenizer",
            ]),
        .target(
            name: "DMSServer",
            dependencies: [
                "DMSCache", "DMSCheckpoint", "DMSEngine", "DMSGrammar", "DMSJSON", "DMSModel", "DMSPolicy",
                "DMSTokenizer",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            // In the binary, so that it serves its page wherever it is copied to.
            resources: [
                .embedInCode("Playground/Page/page.html"), .embedInCode("Playground/Page/page.css"),
                .embedInCode("Playground/Page/server.js"), .embedInCode("Playground/Page/map.js"),
                .embedInCode("Playground/Page/conversation.js"), .embedInCode("Playground/Page/sessions.js"),
                .embedInCode("Playground/Page/page.js"),
            ], swiftSettings: strict),
        library("DMSTerminal"),
        library(
            "DMSHub",
            [
                "CDMSDigest", "DMSCheckpoint", "DMSJSON",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ]),
        library("DMSDoctor", ["DMSCheckpoint", "DMSJSON", "DMSPolicy", "DMSTokenizer"]),
        library("DMSRecall", ["DMSCheckpoint", "DMSJSON", "DMSPolicy"]),
        .target(
            name: "DMSEvaluation",
            dependencies: [
                "DMSCache", "DMSCheckpoint", "DMSEngine", "DMSModel", "DMSPicture", "DMSPolicy", "DMSRecall",
                "DMSTensor",
                "DMSTokenizer",
            ],
            resources: [.embedInCode("Report/Page/report.css"), .embedInCode("Report/Page/report.js")],
            swiftSettings: strict),
        library(
            "DMSTraining",
            ["DMSCheckpoint", "DMSJSON", "DMSModel", "DMSPicture", "DMSPolicy", "DMSTensor", "DMSTokenizer"]),
        library("DMSMPI", ["CDMSMPI", "DMSTraining"]),
        library("DMSQuantization", ["DMSCheckpoint", "DMSJSON", "DMSModel", "DMSPolicy", "DMSTensor"]),
        .executableTarget(
            name: "dms",
            dependencies: [
                "DMSCache", "DMSCheckpoint", "DMSDoctor", "DMSEngine", "DMSEvaluation", "DMSGrammar", "DMSHub",
                "DMSJSON", "DMSMPI", "DMSModel", "DMSPicture", "DMSPolicy", "DMSQuantization", "DMSRecall", "DMSServer",
                "DMSTensor", "DMSTerminal", "DMSTokenizer", "DMSTraining",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            resources: [.copy("recall-8x")], swiftSettings: strict),
        .target(
            name: "DMSTestSupport",
            dependencies: ["DMSCheckpoint", "DMSModel", "DMSPolicy", "DMSTensor", "DMSJSON"],
            path: "Tests/DMSTestSupport", swiftSettings: strict),
        tests("CDMSKernelsTests", ["CDMSKernels", "DMSTensor"]),
        tests("DMSJSONTests", ["DMSJSON"]),
        tests("DMSPictureTests", ["DMSPicture"]),
        tests("DMSPolicyTests", ["DMSPolicy"]),
        tests("DMSTokenizerTests", ["DMSTokenizer", "DMSJSON"]),
        tests("DMSGrammarTests", ["DMSGrammar", "DMSJSON", "DMSTokenizer"]),
        tests("DMSCheckpointTests", ["DMSCheckpoint", "DMSPolicy", "DMSJSON"]),
        tests("DMSModelTests", ["DMSModel", "DMSCheckpoint", "DMSTensor", "DMSPolicy"]),
        tests("DMSCacheTests", ["DMSCache", "DMSCheckpoint", "DMSModel", "DMSTensor", "DMSPolicy"]),
        tests(
            "DMSEngineTests",
            [
                "DMSEngine", "DMSCache", "DMSCheckpoint", "DMSGrammar", "DMSJSON", "DMSModel", "DMSPolicy", "DMSTensor",
                "DMSTokenizer",
            ]),
        tests(
            "DMSServerTests",
            [
                "DMSServer", "DMSCheckpoint", "DMSEngine", "DMSGrammar", "DMSJSON", "DMSModel", "DMSPolicy",
                "DMSTokenizer",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]),
        tests(
            "DMSEvaluationTests",
            [
                "DMSEvaluation", "DMSCache", "DMSCheckpoint", "DMSEngine", "DMSModel", "DMSPicture", "DMSTensor",
                "DMSPolicy", "DMSTokenizer", "DMSJSON",
            ]),
        tests(
            "DMSTrainingTests",
            [
                "DMSTraining", "DMSCheckpoint", "DMSJSON", "DMSModel", "DMSPicture", "DMSPolicy", "DMSTensor",
                "DMSTokenizer",
            ]),
        tests(
            "DMSRecallTests",
            ["DMSRecall", "DMSCheckpoint", "DMSJSON", "DMSTokenizer", "DMSTraining"]),
        tests(
            "DMSQuantizationTests",
            ["DMSQuantization", "DMSCheckpoint", "DMSJSON", "DMSModel", "DMSPolicy", "DMSTensor"]),
        tests("DMSDoctorTests", ["DMSDoctor", "DMSCheckpoint", "DMSJSON", "DMSPolicy", "DMSTokenizer"]),
        tests("DMSTerminalTests", ["DMSTerminal"]),
        tests("DMSHubTests", ["DMSHub", "CDMSDigest", "DMSCheckpoint", "DMSJSON"]),
        // What a stranger can do: public declarations alone, by the names of the products.
        tests(
            "DMSLibraryTests",
            [
                "DMSCheckpoint", "DMSEngine", "DMSEvaluation", "DMSJSON", "DMSModel", "DMSPolicy", "DMSServer",
                "DMSTensor", "DMSTokenizer", "DMSTraining",
                .product(name: "Logging", package: "swift-log"),
            ]),
        // The binary itself is a dependency: the tests run it.
        tests(
            "dmsTests", ["dms", "DMSCheckpoint", "DMSJSON", "DMSPolicy", "DMSRecall", "DMSTokenizer"]),
    ],
    cLanguageStandard: .c11
)
