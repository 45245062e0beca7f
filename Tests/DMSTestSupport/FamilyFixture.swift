public import DMSJSON
import Foundation

/// A tiny checkpoint of a model family and what Transformers computes with it: a folder of `Tests/Goldens/families`, written
/// by `Scripts/make-family-fixtures.py`.
public struct FamilyFixture: Sendable, CustomStringConvertible {
    public let name: String

    public init(_ name: String) { self.name = name }

    public static let all = ["qwen3-tied", "qwen3", "mistral", "smollm", "llama-head-dim"].map(FamilyFixture.init)
    /// Those with what an evicting cache computes.
    public static let evicting = ["qwen3-tied", "qwen3"].map(FamilyFixture.init)

    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Goldens/families")

    public var description: String { name }
    /// The checkpoint's folder.
    public var path: String { Self.root.appendingPathComponent(name).path }
    /// The text that was scored.
    public static var corpus: String { root.appendingPathComponent("corpus.txt").path }

    /// What was computed.
    public func golden() throws -> JSONObject {
        guard let object = try readJSON(path + "/golden.json").objectValue else {
            throw JSONError("no object of golden values", offset: 0)
        }
        return object
    }

    /// A copy of the folder whose gates decide as those of the goldens do.
    public func evictingCopy() throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        for file in ["config.json", "tokenizer.json", "model.safetensors"] {
            try FileManager.default.copyItem(atPath: path + "/" + file, toPath: folder.file(file))
        }
        let golden = try golden()["dms"]?.objectValue ?? JSONObject()
        let metadata = JSONObject([
            "window_size": golden["window"] ?? .null, "alpha_scale": golden["alpha_scale"] ?? .null,
            "alpha_offset": golden["alpha_offset"] ?? .null, "target_cr": .integer(2), "context_len": .integer(64),
        ])
        try folder.write(JSONValue.object(metadata).text(), to: "dms_metadata.json")
        return folder
    }
}

extension JSONValue {
    /// A list of token ids.
    public var tokenIDs: [Int32] { (arrayValue ?? []).compactMap { $0.integerValue.flatMap(Int32.init(exactly:)) } }
    /// A list of numbers.
    public var numbers: [Double] { (arrayValue ?? []).compactMap(\.doubleValue) }
}
