import DMSCache
public import DMSCheckpoint
public import DMSModel
import DMSPolicy
import DMSTensor
public import DMSTokenizer
import Synchronization

/// Serves many continuations with one model, one cache and a hard bound on memory.
///
/// Requests come back as streams of events. All that run share each pass over the weights; a request's tokens are the
/// same alone and in any company, whatever the size of steps, and after any preemption.
///
/// ```swift
/// let engine = try Engine(directory: "models/llama")
/// for try await piece in try engine.stream("The film was released in") { print(piece, terminator: "") }
/// ```
///
/// ``stream(_:maximumTokens:sampling:stopStrings:continuing:saving:timeLimit:reportsCache:)`` takes a text;
/// ``submit(_:)`` takes tokens and all that can be asked for, and tells everything.
///
/// Passes run on a thread of the engine's own; those of several engines over one model take turns. Nobody else may run
/// a model, or its kernels, while an engine of it lives. An engine that is dropped ends its requests as ``shutDown(gracePeriod:)`` without grace does.
public final class Engine: Sendable {
    /// The model that is served.
    public let model: LlamaModel
    /// What makes text of tokens; without it streams carry ids only.
    public let tokenizer: Tokenizer?
    /// What the checkpoint recommends about generation, its end-of-text tokens among it.
    public let generation: GenerationConfiguration
    /// How memory and steps are divided.
    public let configuration: EngineConfiguration
    private let mailbox: Mailbox
    private let board = StatisticsBoard()
    private let bound: SequenceBound
    let sessions: SessionStore?
    /// Without a tokenizer there is none.
    private let constraints: ConstraintStore?
    /// What the budget leaves to the cache.
    private let cacheBudget: Int?

    /// - Parameters:
    ///   - tokenizer: Makes text of tokens; without it streams carry ids only, and stop strings are refused.
    ///   - generation: What the checkpoint recommends, for whoever makes requests; `nil` knows the end-of-text tokens of
    ///     the model's configuration.
    ///   - sessions: Where conversations are saved; without it requests that name one are refused.
    ///   - eviction: Who decides what is evicted, under the model's own rule.
    /// - Throws: ``ParameterError`` when the budget is smaller than activations and logits, `MemoryError` when the
    ///   system has no memory for these, ``EngineThreadError`` when it starts no thread.
    public init(
        _ model: LlamaModel, tokenizer: Tokenizer? = nil, generation: GenerationConfiguration? = nil,
        configuration: EngineConfiguration, sessions: SessionFolder? = nil, eviction: EvictionControl = .model
    ) throws {
        let rows = configuration.tokensPerStep
        let workspaceBytes = BatchRunner.byteCount(
            model, maximumRows: rows, samplingRows: configuration.samplingRows)
        if let budget = configuration.budgetBytes, budget <= workspaceBytes {
            throw ParameterError(
                field: "budgetBytes", found: "\(budget)",
                required: "more than the \(workspaceBytes) bytes of activations and logits")
        }
        cacheBudget = configuration.budgetBytes.map { $0 - workspaceBytes }
        let cacheConfiguration = CacheConfiguration(
            kvType: configuration.kvType, slotsPerPage: configuration.slotsPerPage, budgetBytes: cacheBudget,
            rowsPerBlock: configuration.rowsPerBlock, draftRows: configuration.draftRows)
        bound = SequenceBound(
            shape: model.attentionShape, layerCount: model.configuration.layerCount,
            configuration: cacheConfiguration, retention: model.dms.map { (rule: $0.rule, assembly: $0.assembly) })
        let store = sessions.map { SessionStore($0, model, cacheConfiguration, eviction) }
        self.sessions = store
        constraints = tokenizer.map { ConstraintStore($0, vocabularySize: model.configuration.vocabularySize) }
        mailbox = Mailbox(openLimit: configuration.maximumRunning + configuration.maximumWaiting)
        self.model = model
        self.tokenizer = tokenizer
        self.generation = generation ?? GenerationConfiguration(for: model.configuration)
        self.configuration = configuration
        var limits = SchedulerLimits(
            tokensPerStep: rows, maximumRunning: configuration.maximumRunning,
            blockRows: configuration.rowsPerBlock, positions: model.configuration.maximumPositions)
        limits.draftTokens = configuration.speculation?.maximumDraft ?? 0
        limits.draftStreams = configuration.speculation?.maximumStreams ?? 0
        let runner = try BatchRunner(
            model, cache: CompactAttention(serving: model, configuration: cacheConfiguration), eviction: eviction,
            maximumRows: rows, samplingRows: configuration.samplingRows)
        let writer = try store.map { [mailbox] in try SessionWriter($0) { mailbox.post(.saved) } }
        let worker = EngineWorker(
            runner, limits: limits, maximumPrefixes: configuration.maximumPrefixes,
            speculation: configuration.speculation, writer: writer, identity: store?.identity, tokenizer: tokenizer,
            workspaceBytes: workspaceBytes, mailbox: mailbox, board: board)
        do {
            try EngineThread.start { worker.run() }
        } catch {
            writer?.close()
            throw error
        }
    }

    deinit { mailbox.close(at: .now) }

    /// What the engine holds and has done, as of its last step.
    public var statistics: EngineStatistics { board.value.withLock { $0 } }

    /// Takes a request; it starts when its turn comes and memory allows.
    ///
    /// Any thread may call it; it never waits for a pass. A saved conversation is read and checked before it returns.
    ///
    /// - Throws: ``PromptError`` or ``ParameterError`` for a request that the model cannot serve,
    ///   ``EngineError/overBudget(neededBytes:budgetBytes:)`` for one that could never be finished,
    ///   ``EngineError/overloaded(limit:)``, ``EngineError/shutDown``; `CheckpointError` for a saved conversation that
    ///   is missing, damaged, or of another model or configuration; ``SessionError`` when no more can be saved, or when
    ///   another conversation has the name by now.
    public func submit(_ request: GenerationRequest) throws -> GenerationStream {
        if request.continuing != nil { try requireRoom() }
        let session = try session(of: request)
        try validate(request, following: session)
        let constraint = request.grammar.flatMap { constraints?.constraint($0, endTokens: request.endTokens) }
        let (id, buffer) = try mailbox.submit(
            request, session: session, constraint: constraint, bufferedEvents: configuration.bufferedEvents)
        return GenerationStream(id: id, buffer: buffer, mailbox: mailbox)
    }

    /// - Throws: ``EngineError/overloaded(limit:)`` or ``EngineError/shutDown`` where ``submit(_:)`` would by now, for
    ///   whoever has something to do before that which a refused request should not cost.
    func requireRoom() throws(EngineError) { try mailbox.requireRoom() }

    /// Takes no more requests, lets open ones run for a while, ends what is left with ``EngineError/shutDown``, and
    /// returns when all memory of the cache has been given back.
    ///
    /// A consumer that does not read does not hold it up for longer than the grace period.
    public func shutDown(gracePeriod: Duration = .zero) async {
        mailbox.close(at: .now + gracePeriod)
        await mailbox.waitForEnd()
    }

    /// The bytes of cache that a request is taken to need, by ``EngineConfiguration/guaranteesCompletion``.
    ///
    /// O(1); for whoever wants to say before loading a prompt what it would take.
    public func neededBytes(promptTokens: Int, maximumTokens: Int) -> Int {
        guard configuration.guaranteesCompletion else { return bound.leastBytes(tokens: promptTokens) }
        let positions = model.configuration.maximumPositions
        // The last token is never run.
        let prompt = min(promptTokens, positions)
        return bound.worstCaseBytes(tokens: prompt + min(maximumTokens - 1, positions - prompt))
    }

    private func session(of request: GenerationRequest) throws -> SequenceFile? {
        guard let name = request.continuing ?? request.saving else { return nil }
        guard let sessions else {
            throw ParameterError(
                field: "session", found: "\(name)", required: "none, for an engine without a folder of sessions")
        }
        if let name = request.saving { try sessions.requireRoom(for: name) }
        return try request.continuing.map { name in
            let session = try sessions.open(name, vocabularySize: model.configuration.vocabularySize)
            if let expected = request.continuedTokens, expected != session.tokens { throw SessionError.changed(name) }
            return session
        }
    }

    /// - Parameter session: The conversation that the prompt follows.
    private func validate(_ request: GenerationRequest, following session: SequenceFile?) throws {
        let limit = model.configuration.maximumPositions
        let promptTokens = (session?.tokens.count ?? 0) + request.prompt.count
        if promptTokens == session?.cachedCount { throw PromptError.empty }
        if promptTokens > limit { throw PromptError.tooLong(tokens: promptTokens, limit: limit) }
        let vocabulary = model.configuration.vocabularySize
        // An id that the model does not have would fail the pass of all that share it.
        if let token = request.prompt.first(where: { !(0..<Int32(vocabulary)).contains($0) }) {
            throw ParameterError(field: "prompt", found: "token id \(token)", required: "0 ..< \(vocabulary)")
        }
        try request.sampling.validate(vocabularySize: vocabulary)
        if tokenizer == nil, request.grammar != nil {
            throw ParameterError(
                field: "grammar", found: "a grammar", required: "none, for an engine without a tokenizer")
        }
        if tokenizer == nil, !request.stopStrings.isEmpty {
            throw ParameterError(
                field: "stopStrings", found: "\(request.stopStrings.count) strings",
                required: "none, for an engine without a tokenizer")
        }
        guard let cacheBudget else { return }
        let needed = neededBytes(promptTokens: promptTokens, maximumTokens: request.maximumTokens)
        if needed > cacheBudget { throw EngineError.overBudget(neededBytes: needed, budgetBytes: cacheBudget) }
    }
}
