import DMSJSON

/// A family of models that the graph computes: how its `config.json` calls itself, and what it means.
///
/// Everything that differs between families is a value here; readers, graph and training ask the values and no names.
public struct ModelFamily: Hashable, Sendable {
    /// As people call it.
    public let name: String
    /// The `model_type` of its configurations.
    public let modelType: String
    /// The one entry of its `architectures`.
    public let architecture: String
    /// What of the family is computed, and what is refused.
    public let scope: String
    /// Whether every head of queries and of keys is normalised before it is rotated (`q_norm`, `k_norm`).
    public let normalizesHeads: Bool
    /// Keys that must be there, if only as `null`: where they are missing, this family's writers mean a value that the
    /// reader does not assume.
    let statedKeys: [String]
    /// What keys may say, where that differs from ``UnsupportedKeys``.
    let neutralValues: [String: NeutralValue]

    /// Every family, the table that a configuration is looked up in.
    public static let all: [ModelFamily] = [.llama, .mistral, .qwen3]

    /// The family that a configuration names.
    ///
    /// - Throws: ``CheckpointError`` naming `model_type` or `architectures`.
    static func named(in reader: ConfigurationReader) throws(CheckpointError) -> ModelFamily {
        let names = all.map { "\"\($0.modelType)\"" }
        let required = names.dropLast().joined(separator: ", ") + " or " + (names.last ?? "")
        let type = try reader.required(reader.string("model_type"), "model_type", required)
        guard let family = all.first(where: { $0.modelType == type }) else {
            throw reader.fail(
                "model_type", found: CheckpointError.shown(.string(type)),
                required: required + "; other families are not supported")
        }
        if let value = reader.value("architectures"), value != .array([.string(family.architecture)]) {
            throw reader.fail(
                "architectures", found: CheckpointError.shown(value),
                required: "[\"\(family.architecture)\"], as model_type is \"\(type)\"")
        }
        for key in family.statedKeys where reader.object[key] == nil {
            throw reader.fail(
                key, found: "no value",
                required: "a value, if only null: \(family.name) assumes one where it is missing")
        }
        return family
    }
}
