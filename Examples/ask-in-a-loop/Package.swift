// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "ask-in-a-loop",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "swift-dms", path: "../..")],
    targets: [
        .executableTarget(name: "ask", dependencies: [.product(name: "DMSEngine", package: "swift-dms")])
    ]
)
