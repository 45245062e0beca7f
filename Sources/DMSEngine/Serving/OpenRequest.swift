import DMSCache
import DMSGrammar
import DMSTokenizer

/// A request between submission and end, with all that the scheduler does not need to know.
///
/// Used by the engine's thread, and while tokens are chosen by the one that chooses its: ``TokenChoice``.
final class OpenRequest {
    let id: RequestID
    let request: GenerationRequest
    let buffer: StreamBuffer
    /// The saved conversation that it continues.
    let session: SequenceFile?
    /// Tokens that it is to continue: those of the conversation and the prompt's.
    let promptCount: Int
    /// The conversation's, the prompt's and what was chosen so far.
    private(set) var tokens: [Int32]
    private(set) var preemptions = 0
    /// Tokens that a stored prefix or the saved conversation had when the request started last.
    var reusedTokens = 0
    /// What is known of the prompt's own tokens, for a request that asked for it.
    var promptScores: PromptScores?
    var prefixLookup: PrefixCache.Lookup?
    /// What came of the last step's logits.
    var choice = Choice()
    /// Tokens that the client was told of, where it asked to be.
    var reportedTokens = 0
    private let submitted: ContinuousClock.Instant
    private var started: ContinuousClock.Instant?
    private var firstToken: ContinuousClock.Instant?
    private var sampler: Sampler
    private var assembler: TextAssembler?
    /// Where the continuation's text is in its grammar; like the sampler, it survives preemption.
    private var constraint: OutputConstraint?
    /// What a stored prefix had when the request started first.
    private var cachedTokens = 0

    /// - Throws: ``ParameterError`` for an empty stop string.
    init(_ submission: Mailbox.Submission, tokenizer: Tokenizer?) throws(ParameterError) {
        id = submission.id
        request = submission.request
        buffer = submission.buffer
        session = submission.session
        submitted = submission.submitted
        tokens = (session?.tokens ?? []) + request.prompt
        promptCount = tokens.count
        sampler = Sampler(request.sampling)
        sampler.observe(tokens)
        constraint = submission.constraint
        promptScores = request.promptLogProbabilities.map { PromptScores(alternatives: $0) }
        if let tokenizer { assembler = try TextAssembler(tokenizer, stopStrings: request.stopStrings) }
    }

    private var generatedCount: Int { tokens.count - promptCount }

    func noteStart() {
        if started == nil, session == nil { cachedTokens = reusedTokens }
        started = started ?? .now
    }

    func notePreemption() {
        preemptions += 1
        reusedTokens = 0
    }

    /// Chooses the next token and makes its event.
    ///
    /// - Returns: The event, and why the token ends the continuation, if it does.
    /// - Throws: ``SamplingError`` for logits that are no numbers, `ConstraintError` where no token is allowed.
    func choose(_ logits: UnsafeBufferPointer<Float>) throws -> (event: GenerationEvent, reason: FinishReason?) {
        if let failure = promptScores?.failure { throw failure }
        let token = try sampler.choose(logits, step: generatedCount, allowed: try constraint?.allowed())
        constraint?.append(token)
        tokens.append(token)
        firstToken = firstToken ?? .now
        let isEnd = request.endTokens.contains(token)
        // An end token need not be a special one, and is not text either way.
        let text = isEnd ? "" : assembler?.append(token) ?? ""
        let probabilities = request.logProbabilities.map { LogProbabilities(logits, chosen: token, count: $0) }
        let event = GenerationEvent.token(GeneratedToken(id: token, text: text, logProbabilities: probabilities))
        let isComplete = isEnd || constraint?.isComplete == true
        return (event, !isEnd && assembler?.isStopped == true ? .stopString : isComplete ? .stop : nil)
    }

    /// The tokens that its file gets.
    var savedTokens: [Int32] { request.saved == .prompt ? Array(tokens[..<promptCount]) : tokens }

    /// The last event.
    func finished(_ reason: FinishReason) -> GenerationSummary {
        var reason = reason
        var text = ""
        if assembler?.isStopped == false {
            text = assembler?.finish() ?? ""
            if assembler?.isStopped == true { reason = .stopString }
        }
        return GenerationSummary(
            reason: reason, text: text, promptTokens: request.prompt.count, generatedTokens: generatedCount,
            preemptions: preemptions, reusedTokens: reusedTokens, cachedTokens: cachedTokens,
            queueSeconds: started.map(seconds), firstTokenSeconds: firstToken.map(seconds), totalSeconds: seconds(.now))
    }

    private func seconds(_ instant: ContinuousClock.Instant) -> Double { (instant - submitted) / .seconds(1) }
}
