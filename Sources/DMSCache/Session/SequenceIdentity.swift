public import DMSCheckpoint
import DMSJSON
public import DMSModel
public import DMSPolicy
package import DMSTensor

/// What the keys and values of a sequence depend on beside its tokens: the model, its rule of eviction, and how the
/// cache stores and computes them.
///
/// A saved sequence goes on with the same bits only where all of that is the same, so its file states it.
public struct SequenceIdentity: Sendable {
    /// One thing that has to be the same.
    package struct Statement: Sendable, Hashable {
        let name: String
        let value: String

        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// In the order in which they are written and compared.
    let statements: [Statement]
    let layout: KVPageLayout
    let schedule: RetentionSchedule
    let streamCount: Int

    /// - Parameters:
    ///   - model: The model that computes the sequence.
    ///   - fingerprint: Which model that is.
    ///   - configuration: That of the cache.
    ///   - retention: That of the cache.
    ///   - eviction: Who decides. What was forced cannot be named any further.
    public init(
        _ model: LlamaModel, fingerprint: ModelFingerprint, configuration: CacheConfiguration,
        retention: (rule: RetentionRule, assembly: DecisionAssembly)?, eviction: EvictionControl
    ) {
        let dms = model.dms
        self.init(
            shape: model.attentionShape, layerCount: model.configuration.layerCount, precision: model.precision,
            configuration: configuration, retention: retention,
            model: [
                Statement("weights_sha256", fingerprint.weightsSHA256),
                Statement("config_sha256", fingerprint.configurationSHA256),
                Statement("decision_source", dms?.source.name ?? "none"),
                Statement("channel", dms?.channel.description ?? "none"),
                Statement("zero_channel", dms?.zeroing.name ?? "none"),
                Statement("alpha_scale", dms.map { "\($0.alphaScale)" } ?? "none"),
                Statement("alpha_offset", dms.map { "\($0.alphaOffset)" } ?? "none"),
                Statement("eviction", eviction.name),
            ])
    }

    /// For whoever drives a cache without a model.
    ///
    /// - Parameter model: What computes the sequence.
    package init(
        shape: AttentionShape, layerCount: Int, precision: Precision, configuration: CacheConfiguration,
        retention: (rule: RetentionRule, assembly: DecisionAssembly)?, model: [Statement]
    ) {
        layout = KVPageLayout(
            headDimension: shape.headDimension, type: configuration.kvType, slotsPerPage: configuration.slotsPerPage)
        schedule = RetentionSchedule(retention)
        streamCount = layerCount * shape.keyValueHeads
        statements =
            model + [
                Statement("window", retention.map { "\($0.rule.window)" } ?? "none"),
                Statement("decision_shift", retention.map { "\($0.assembly.shift)" } ?? "none"),
                Statement("precision", precision.rawValue), Statement("kv_dtype", configuration.kvType.name),
                Statement("layers", "\(layerCount)"), Statement("query_heads", "\(shape.queryHeads)"),
                Statement("kv_heads", "\(shape.keyValueHeads)"),
                Statement("head_dimension", "\(shape.headDimension)"),
                Statement("slots_per_page", "\(configuration.slotsPerPage)"),
                Statement("rows_per_block", "\(configuration.rowsPerBlock)"),
            ]
    }

    /// As a file states it.
    var json: JSONObject {
        var object = JSONObject()
        for statement in statements { object[statement.name] = .string(statement.value) }
        return object
    }

    /// - Throws: `CheckpointError` naming the first statement of a file that is not this one's.
    func require(_ found: JSONObject, file: String) throws(CheckpointError) {
        for statement in statements {
            func refused(_ value: String) -> CheckpointError {
                CheckpointError(file: file, .key(statement.name), found: value, required: statement.value)
            }
            guard let value = found[statement.name] else { throw refused("no such key") }
            guard value == .string(statement.value) else {
                throw refused(value.stringValue.map { String($0.prefix(100)) } ?? value.kind)
            }
        }
        let known = Set(statements.map(\.name))
        if let name = found.keys.first(where: { !known.contains($0) }) {
            throw CheckpointError(file: file, .key(name), found: "an unknown key", required: "none such")
        }
    }
}
