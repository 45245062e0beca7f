import Foundation

/// The golden files beside the repository, which only some machines have.
enum SharedFixtures {
    /// The folder that holds `fixtures` and `models`, found by walking up from this file.
    static let root: String? = {
        var directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        while directory.path != "/" {
            directory.deleteLastPathComponent()
            let shared = directory.appendingPathComponent("shared").path
            if FileManager.default.fileExists(atPath: shared + "/fixtures") { return shared }
        }
        return nil
    }()

    static var arePresent: Bool { root != nil }
}
