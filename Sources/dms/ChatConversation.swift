import DMSCache
import DMSCheckpoint
import DMSEngine
import DMSModel
import DMSPolicy
import DMSServer
import DMSTensor

/// A conversation in one sequence of a cache, which stays from turn to turn.
final class ChatConversation {
    /// Small enough that an answer stops soon when it is told to.
    static let prefillChunk = 256

    private let loaded: LoadedModel
    private let prompt: ChatPrompt
    private let configuration: CacheConfiguration
    private let retention: (rule: RetentionRule, assembly: DecisionAssembly)?
    private let eviction: EvictionControl
    private let parameters: GenerationParameters
    private var cache: CompactAttention
    private var system: String?
    /// All that was said, in the model's words.
    private(set) var tokens: [Int32] = []

    init(
        _ loaded: LoadedModel, template: ChatTemplate, kvType: ScalarType, evicts: Bool, system: String?,
        parameters: GenerationParameters
    ) throws {
        self.loaded = loaded
        prompt = ChatPrompt(template: template, tokenizer: loaded.tokenizer)
        configuration = CacheConfiguration(kvType: kvType)
        retention = evicts ? loaded.model.dms.map { (rule: $0.rule, assembly: $0.assembly) } : nil
        eviction = evicts ? .model : .off
        self.system = system
        self.parameters = try GenerationParameters(
            sampling: parameters.sampling, maximumTokens: parameters.maximumTokens,
            endTokens: parameters.endTokens.union(prompt.endTokens), prefillChunk: parameters.prefillChunk)
        cache = CompactAttention(loaded.model, configuration: configuration, retention: retention)
    }

    var report: CacheReport { cache.report() }

    /// Forgets all that was said.
    func begin(system: String?) {
        self.system = system
        tokens = []
        cache = CompactAttention(loaded.model, configuration: configuration, retention: retention)
    }

    /// How an answer ended, and what it took.
    struct Ending {
        let reason: FinishReason?
        let timings: GenerationTimings
    }

    /// Answers a message.
    ///
    /// - Parameters:
    ///   - isCancelled: Asked before every pass.
    ///   - onRead: Called with how many of the new tokens were read, and how many there are.
    ///   - onText: Called with every piece of the answer.
    func answer(
        _ message: String, isCancelled: @escaping () -> Bool, onRead: @escaping (Int, Int) -> Void,
        onText: (String) throws -> Void
    ) throws -> Ending {
        let message = ChatMessage(role: .user, content: message)
        let isFirst = tokens.isEmpty
        let beginning = system.map { [ChatMessage(role: .system, content: $0)] } ?? []
        let all =
            isFirst
            ? prompt.tokens(beginning + [message]) : tokens + prompt.continuation([message], after: tokens)
        let known = cache.tokenCount(of: 0)
        let generator = try TokenGenerator(
            loaded.model, attention: cache, prompt: all, parameters: parameters, cachedTokens: known,
            eviction: eviction,
            isCancelled: { [cache] in
                onRead(cache.tokenCount(of: 0) - known, all.count - known)
                return isCancelled()
            })
        var text = try TextGenerator(generator, tokenizer: loaded.tokenizer)
        // Whatever happens from here on, these are what the cache has a part of.
        tokens = all
        defer { tokens = all + text.tokens }
        while let piece = try text.next() { try onText(piece) }
        return Ending(reason: text.finishReason, timings: text.timings)
    }

    // MARK: Files

    func save(_ path: String) throws {
        guard cache.tokenCount(of: 0) > 0 else { throw ConsoleError("there is nothing to save yet") }
        try cache.save(0, tokens: tokens, identity: identity(), to: path)
    }

    /// - Returns: What was said, as far as it can be told.
    @discardableResult
    func load(_ path: String) throws -> [ChatMessage] {
        let file = try SequenceFile(path: path, identity: identity())
        try file.requireTokens(below: loaded.model.configuration.vocabularySize)
        let restored = CompactAttention(loaded.model, configuration: configuration, retention: retention)
        try restored.add(0, from: .file(file))
        cache = restored
        tokens = file.tokens
        return ChatTranscript(template: prompt.template, tokenizer: loaded.tokenizer).messages(tokens) ?? []
    }

    private func identity() throws -> SequenceIdentity {
        SequenceIdentity(
            loaded.model, fingerprint: try ModelFingerprint(loaded.directory, metadata: loaded.dms),
            configuration: configuration, retention: retention, eviction: eviction)
    }
}
