// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "hummingbird-app",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "swift-dms", path: "../.."),
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.0", traits: []),
    ],
    targets: [
        .executableTarget(
            name: "app",
            dependencies: [
                .product(name: "DMSEngine", package: "swift-dms"),
                .product(name: "Hummingbird", package: "hummingbird"),
            ])
    ]
)
