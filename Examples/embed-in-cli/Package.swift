// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "embed-in-cli",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "swift-dms", path: "../..")],
    targets: [
        .executableTarget(name: "complete", dependencies: [.product(name: "DMSEngine", package: "swift-dms")])
    ]
)
