// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that building the project never needs the fuzzing runtime. Use `run.sh`, which passes the
// options that instrument the readers too.
let package = Package(
    name: "swift-dms-fuzz",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "swift-dms", path: "..")],
    targets: [
        .executableTarget(
            name: "CheckpointFuzz",
            dependencies: [.product(name: "DMSEngine", package: "swift-dms")],
            swiftSettings: [.unsafeFlags(["-parse-as-library"])])
    ]
)
