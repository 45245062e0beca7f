// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "retrofit-programmatically",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "swift-dms", path: "../..")],
    targets: [
        .executableTarget(
            name: "retrofit",
            dependencies: [
                .product(name: "DMSEngine", package: "swift-dms"),
                .product(name: "DMSPolicy", package: "swift-dms"),
                .product(name: "DMSTraining", package: "swift-dms"),
            ])
    ]
)
