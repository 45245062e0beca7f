import DMSCheckpoint
public import DMSGrammar
public import DMSModel
import DMSTensor

/// Continues one sequence of tokens, a token per call.
///
/// The prompt is run in chunks at the first call. A token is run through the model when the one after it is asked for,
/// so the last is never run in vain. The language-model head is computed only for rows that sample. With speculation a
/// pass may have guesses of what follows; the tokens are the same.
public struct TokenGenerator: ~Copyable {
    private let model: LlamaModel
    private let attention: any AttentionOperator
    private let eviction: EvictionControl
    private let sequence: Int
    private let isCancelled: () -> Bool
    /// Leading tokens of the prompt that the operator held at the beginning.
    private let cachedTokens: Int
    private let workspace: ForwardWorkspace
    private let logits: Tensor
    private var sampler: Sampler
    private var constraint: OutputConstraint?
    private var batch = ForwardBatch()
    private var speculation: GeneratorSpeculation?

    /// The tokens that are continued.
    public let prompt: [Int32]
    /// What was asked for.
    public let parameters: GenerationParameters
    /// The continuation so far, an end token included.
    public private(set) var tokens: [Int32] = []
    /// Why there are no more tokens; `nil` while there may be.
    public private(set) var finishReason: FinishReason?
    /// Where the time went.
    public private(set) var timings = GenerationTimings()
    /// What guessing was good for.
    public var speculationCounts: SpeculationCounts { speculation?.counts ?? SpeculationCounts() }
    /// Forward passes after the prompt's.
    public private(set) var decodePasses = 0

    /// - Parameters:
    ///   - attention: Where the sequence's keys and values live.
    ///   - prompt: All tokens to be continued.
    ///   - cachedTokens: How many of the prompt's first tokens `attention` holds of `sequence`, all but one at most;
    ///     they are not run again.
    ///   - speculation: How to guess ahead, which takes a `DraftingAttention` with room for that many draft rows.
    ///   - constraint: What the continuation must be; it ends where that is complete.
    ///   - isCancelled: Asked before every forward pass; `true` ends the continuation.
    /// - Throws: ``PromptError`` for a prompt that is empty, there as a whole, or longer than the model's positions,
    ///   ``ParameterError`` for a bias of a token that the model does not have or an operator without room for drafts,
    ///   `MemoryError` when there is no room for the activations.
    public init(
        _ model: LlamaModel, attention: any AttentionOperator, prompt: [Int32], parameters: GenerationParameters,
        cachedTokens: Int = 0, constraint: OutputConstraint? = nil, eviction: EvictionControl = .model,
        sequence: Int = 0, speculation: SpeculationParameters? = nil, isCancelled: @escaping () -> Bool = { false }
    ) throws {
        if prompt.isEmpty { throw PromptError.empty }
        let limit = model.configuration.maximumPositions
        if prompt.count > limit { throw PromptError.tooLong(tokens: prompt.count, limit: limit) }
        try parameters.sampling.validate(vocabularySize: model.configuration.vocabularySize)
        if prompt.count == cachedTokens { throw PromptError.empty }
        guard (0..<prompt.count).contains(cachedTokens) else {
            throw ParameterError(
                field: "cachedTokens", found: "\(cachedTokens)", required: "fewer than the prompt's \(prompt.count)")
        }
        let guessing = try speculation.map { try GeneratorSpeculation($0, attention, sequence: sequence) }
        let sampled = 1 + (speculation?.maximumDraft ?? 0)
        let workspace = try ForwardWorkspace(
            model.configuration, maximumRows: max(min(parameters.prefillChunk, prompt.count - cachedTokens), sampled))
        let logits = try Tensor(rows: sampled, columns: model.configuration.vocabularySize)
        self.workspace = workspace
        self.logits = logits
        self.model = model
        self.attention = attention
        self.eviction = eviction
        self.sequence = sequence
        self.isCancelled = isCancelled
        self.cachedTokens = cachedTokens
        self.constraint = constraint
        self.prompt = prompt
        self.parameters = parameters
        self.speculation = guessing
        sampler = Sampler(parameters.sampling)
        sampler.observe(prompt)
    }

    /// The next token, or `nil` when ``finishReason`` says why there is none.
    ///
    /// - Throws: Whatever the model or the cache throws, and `ConstraintError` where the constraint allows no token; the
    ///   sequence cannot be continued then.
    public mutating func next() throws -> Int32? {
        if finishReason != nil { return nil }
        let watch = Stopwatch()
        let hasRun = tokens.isEmpty ? try prefill() : try decode()
        guard hasRun else { return nil }
        let row = speculation?.row ?? 0
        let token = try sampler.choose(
            UnsafeBufferPointer(logits.view.row(row)), step: tokens.count, allowed: try constraint?.allowed())
        constraint?.append(token)
        if tokens.isEmpty {
            timings.firstTokenSeconds = watch.seconds
        } else {
            timings.decodeSeconds += watch.seconds
            timings.decodeTokens += 1
        }
        tokens.append(token)
        if parameters.endTokens.contains(token) || constraint?.isComplete == true {
            finishReason = .stop
        } else if tokens.count == parameters.maximumTokens {
            finishReason = .length
        } else if prompt.count + tokens.count > model.configuration.maximumPositions {
            finishReason = .contextLimit
        }
        speculation?.note(token, isLast: finishReason != nil)
        return token
    }

    /// Ends the continuation for a reason that the caller found, such as a stop string.
    ///
    /// It replaces a limit that the same token reached.
    public mutating func finish(_ reason: FinishReason) {
        finishReason = reason
        speculation?.endEarly()
    }

    /// - Returns: Whether the logits of the prompt's last token were computed.
    private mutating func prefill() throws -> Bool {
        let watch = Stopwatch()
        var start = cachedTokens
        while start < prompt.count {
            let end = min(start + parameters.prefillChunk, prompt.count)
            guard try run(prompt[start..<end], firstPosition: start, needsLogits: end == prompt.count) else {
                return false
            }
            timings.prefillTokens = end - cachedTokens
            timings.prefillSeconds = watch.seconds
            start = end
        }
        return true
    }

    /// - Returns: Whether there are logits behind the last token.
    private mutating func decode() throws -> Bool {
        // They may have been computed with those before, for a guess that was right.
        if speculation?.row ?? 0 > 0 { return true }
        let position = prompt.count + tokens.count - 1
        speculation?.propose(
            after: prompt, tokens,
            room: min(
                parameters.maximumTokens - tokens.count - 1,
                model.configuration.maximumPositions - prompt.count - tokens.count))
        let hasRun = try run(tokens.suffix(1), firstPosition: position, needsLogits: true)
        if hasRun { decodePasses += 1 }
        return hasRun
    }

    private mutating func run(
        _ tokens: ArraySlice<Int32>, firstPosition: Int, needsLogits: Bool
    ) throws -> Bool {
        if isCancelled() {
            finishReason = .cancelled
            return false
        }
        batch.removeAll()
        let draft = speculation?.draft ?? []
        batch.append(
            sequence: sequence, tokens: draft.isEmpty ? tokens : tokens + draft, firstPosition: firstPosition,
            rowByRow: !draft.isEmpty, draftRows: draft.count)
        let hidden = try model.forward(batch, attention: attention, eviction: eviction, workspace: workspace)
        if needsLogits {
            let rows = hidden.rows - 1 - draft.count..<hidden.rows
            model.logits(hidden.rows(rows), into: logits.view.first(rows.count))
        }
        speculation?.noteRun()
        return true
    }
}

/// A prompt that cannot be continued.
public enum PromptError: Error, Sendable, Equatable, CustomStringConvertible {
    /// There is no token to continue.
    case empty
    /// It has more tokens than the model has positions.
    case tooLong(tokens: Int, limit: Int)

    public var description: String {
        switch self {
        case .empty: "the prompt: found no token, required at least one"
        case .tooLong(let tokens, let limit):
            "the prompt: found \(tokens) tokens, required at most \(limit) (max_position_embeddings)"
        }
    }
}
