public import Foundation

/// Golden files that lie beside the repository on some machines.
///
/// Tests that use them are enabled only where they exist; every such test has a sibling that needs nothing but the
/// repository.
public enum SharedFiles {
    /// The folder `shared` beside the checkout, or `nil`.
    public static let root: URL? = {
        var folder = URL(fileURLWithPath: #filePath)
        while folder.path != "/" {
            folder.deleteLastPathComponent()
            let candidate = folder.deletingLastPathComponent().appendingPathComponent("shared/fixtures")
            if FileManager.default.fileExists(atPath: candidate.path) { return candidate.deletingLastPathComponent() }
        }
        return nil
    }()

    /// Whether they are here.
    public static var areAvailable: Bool { root != nil }

    /// The path of a file or folder below `shared`.
    public static func path(_ relative: String) -> String {
        (root ?? URL(fileURLWithPath: "/nonexistent")).appendingPathComponent(relative).path
    }
}

/// A folder that disappears with its owner.
public final class TemporaryFolder: Sendable {
    public let path: String

    public init() throws {
        path = NSTemporaryDirectory() + "/swift-dms-tests-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// The path of a file in it.
    public func file(_ name: String) -> String { path + "/" + name }

    /// Writes a file in it.
    public func write(_ bytes: [UInt8], to name: String) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: file(name)))
    }

    /// Writes a text file in it.
    public func write(_ text: String, to name: String) throws { try write(Array(text.utf8), to: name) }
}
