// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "batch-summarise",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "swift-dms", path: "../..")],
    targets: [
        .executableTarget(
            name: "batch-summarise", dependencies: [.product(name: "DMSEngine", package: "swift-dms")])
    ]
)
