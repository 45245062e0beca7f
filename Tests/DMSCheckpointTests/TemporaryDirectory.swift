// swift-format-ignore-file: NeverUseForceTry

import Foundation

/// A directory that disappears with this object.
final class TemporaryDirectory: Sendable {
    let path: String

    init() {
        path = FileManager.default.temporaryDirectory.path + "/dms-checkpoint-\(UUID().uuidString)"
        guard mkdir(path, 0o700) == 0 else { preconditionFailure("no directory can be made at \(path)") }
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { path + "/" + name }

    /// Writes a file without any help from the code under test.
    @discardableResult
    func write(_ bytes: [UInt8], _ name: String) -> String {
        let isWritten = FileManager.default.createFile(atPath: file(name), contents: Data(bytes))
        precondition(isWritten, "no file can be written at \(file(name))")
        return file(name)
    }

    @discardableResult
    func write(_ text: String, _ name: String) -> String { write(Array(text.utf8), name) }

    /// All names, hidden ones included.
    var names: [String] { (FileManager.default.subpaths(atPath: path) ?? []).filter { !$0.contains("/") }.sorted() }

    func contents(_ name: String) -> [UInt8] { Self.contents(file(name)) }

    static func contents(_ path: String) -> [UInt8] { Array(FileManager.default.contents(atPath: path)!) }
}
