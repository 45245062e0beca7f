import DMSCheckpoint
public import DMSGrammar
public import DMSModel
import DMSTensor

/// Continues one sequence of tokens, a token per call.
///
/// The prompt is run in chunks at the first call. A token is run through the model when the one after it is asked for,
/// so the last is never run in vain. The language-model head is computed only for rows that sample.
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

    public let prompt: [Int32]
    public let parameters: GenerationParameters
    /// The continuation so far, an end token included.
    public private(set) var tokens: [Int32] = []
    /// Why there are no more tokens; `nil` while there may be.
    public private(set) var finishReason: FinishReason?
    public private(set) var timings = GenerationTimings()

    /// - Parameters:
    ///   - attention: Where the sequence's keys and values live.
    ///   - prompt: All tokens to be continued.
    ///   - cachedTokens: How many of the prompt's first tokens `attention` holds of `sequence`, all but one at most;
    ///     they are not run again.
    ///   - constraint: What the continuation must be; it ends where that is complete.
    ///   - isCancelled: Asked before every forward pass; `true` ends the continuation.
    /// - Throws: ``PromptError`` for a prompt that is empty, there as a whole, or longer than the model's positions,
    ///   ``ParameterError`` for a bias of a token that the model does not have, `MemoryError` when there is no room for
    ///   the activations.
    public init(
        _ model: LlamaModel, attention: any AttentionOperator, prompt: [Int32], parameters: GenerationParameters,
        cachedTokens: Int = 0, constraint: OutputConstraint? = nil, eviction: EvictionControl = .model,
        sequence: Int = 0, isCancelled: @escaping () -> Bool = { false }
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
        let workspace = try ForwardWorkspace(
            model.configuration, maximumRows: min(parameters.prefillChunk, prompt.count - cachedTokens))
        let logits = try Tensor(rows: 1, columns: model.configuration.vocabularySize)
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
        let token = try sampler.choose(
            UnsafeBufferPointer(logits.view.row(0)), step: tokens.count, allowed: try constraint?.allowed())
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
        return token
    }

    /// Ends the continuation for a reason that the caller found, such as a stop string.
    ///
    /// It replaces a limit that the same token reached.
    public mutating func finish(_ reason: FinishReason) { finishReason = reason }

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

    private mutating func decode() throws -> Bool {
        try run(tokens.suffix(1), firstPosition: prompt.count + tokens.count - 1, needsLogits: true)
    }

    private mutating func run(
        _ tokens: ArraySlice<Int32>, firstPosition: Int, needsLogits: Bool
    ) throws -> Bool {
        if isCancelled() {
            finishReason = .cancelled
            return false
        }
        batch.removeAll()
        batch.append(sequence: sequence, tokens: tokens, firstPosition: firstPosition)
        let hidden = try model.forward(batch, attention: attention, eviction: eviction, workspace: workspace)
        if needsLogits { model.logits(hidden.rows(hidden.rows - 1..<hidden.rows), into: logits.view) }
        return true
    }
}

/// A prompt that cannot be continued.
public enum PromptError: Error, Sendable, Equatable, CustomStringConvertible {
    case empty
    case tooLong(tokens: Int, limit: Int)

    public var description: String {
        switch self {
        case .empty: "the prompt: found no token, required at least one"
        case .tooLong(let tokens, let limit):
            "the prompt: found \(tokens) tokens, required at most \(limit) (max_position_embeddings)"
        }
    }
}
