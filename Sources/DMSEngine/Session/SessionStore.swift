package import DMSCache
package import DMSCheckpoint
import DMSModel
import DMSPolicy

/// The saved conversations of one engine: its folder, and what a file must have been made with.
struct SessionStore: Sendable {
    let folder: SessionFolder
    let identity: SequenceIdentity

    init(
        _ folder: SessionFolder, _ model: LlamaModel, _ configuration: CacheConfiguration, _ eviction: EvictionControl
    ) {
        self.folder = folder
        identity = SequenceIdentity(
            model, fingerprint: folder.fingerprint, configuration: configuration,
            retention: model.dms.map { (rule: $0.rule, assembly: $0.assembly) }, eviction: eviction)
    }

    /// Opens a conversation that was saved.
    ///
    /// - Throws: `CheckpointError` for a file that is missing, damaged, a link, or of something else.
    func open(_ name: SessionName, vocabularySize: Int) throws(CheckpointError) -> SequenceFile {
        let file = try SequenceFile(path: folder.file(name), identity: identity, followsLinks: false)
        try file.requireTokens(below: vocabularySize)
        return file
    }

    func save(_ sequence: Int, of cache: CompactAttention, tokens: [Int32], as name: SessionName) throws {
        try cache.save(sequence, tokens: tokens, identity: identity, to: folder.file(name))
    }
}

extension SequenceFile {
    /// - Throws: `CheckpointError` for a token that a vocabulary does not have.
    package func requireTokens(below vocabularySize: Int) throws(CheckpointError) {
        if let token = tokens.first(where: { !(0..<Int32(vocabularySize)).contains($0) }) {
            throw CheckpointError(
                file: path, .key("tokens"), found: "token id \(token)", required: "0 ..< \(vocabularySize)")
        }
    }
}
