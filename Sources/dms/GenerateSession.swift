import DMSCache
import DMSCheckpoint
import DMSEngine
import DMSJSON
import DMSModel
import DMSPolicy

/// The file in which `dms generate` keeps a conversation.
struct GenerateSession {
    private let path: String
    private let identity: SequenceIdentity
    /// The conversation so far, if there is one.
    let restored: SequenceFile?
    /// Tokens that were saved.
    private(set) var savedTokens: Int?

    /// Opens the file if it is there.
    ///
    /// - Throws: `CheckpointError` for a file that is not one of this model and these options.
    init(
        path: String, _ loaded: LoadedModel, configuration: CacheConfiguration,
        retention: (rule: RetentionRule, assembly: DecisionAssembly)?, eviction: EvictionControl
    ) throws {
        try OutputFile.requireWritable(path)
        self.path = path
        let fingerprint = try ModelFingerprint(loaded.directory, metadata: loaded.dms)
        identity = SequenceIdentity(
            loaded.model, fingerprint: fingerprint, configuration: configuration, retention: retention,
            eviction: eviction)
        restored = MappedFile.exists(path: path) ? try SequenceFile(path: path, identity: identity) : nil
        try restored?.requireTokens(below: loaded.model.configuration.vocabularySize)
    }

    /// Tokens that need not be run again.
    var cachedTokens: Int { restored?.cachedCount ?? 0 }
    /// All tokens so far.
    var tokens: [Int32] { restored?.tokens ?? [] }

    /// Puts the conversation into a cache.
    func restore(_ cache: CompactAttention) throws {
        if let restored { try cache.add(0, from: .file(restored)) }
    }

    mutating func save(_ cache: CompactAttention, tokens: [Int32]) throws {
        try cache.save(0, tokens: tokens, identity: identity, to: path)
        savedTokens = tokens.count
    }

    var json: JSONObject {
        JSONObject(["restored_tokens": .count(restored?.tokens.count ?? 0), "saved_tokens": .count(savedTokens)])
    }
}
