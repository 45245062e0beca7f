import DMSEngine
import DMSTokenizer

/// Makes the pieces of one continuation from an engine's events: a value without engine, connection or clock.
struct ChoiceAssembler: Sendable {
    let index: Int
    private let tokenizer: Tokenizer
    private let endTokens: Set<Int32>
    private let reportsProbabilities: Bool
    /// What stands before the continuation, if the engine has something to say about it first.
    private let prompt: (tokens: [Int32], text: String)
    /// Characters so far.
    private var textOffset: Int

    /// - Parameter echo: The text that stands before the continuation.
    init(index: Int, request: GenerationRequest, tokenizer: Tokenizer, echo: String) {
        self.index = index
        self.tokenizer = tokenizer
        endTokens = request.endTokens
        reportsProbabilities = request.logProbabilities != nil
        textOffset = echo.unicodeScalars.count
        prompt = (request.prompt, echo)
    }

    /// Takes the next event.
    ///
    /// - Returns: What it adds, or `nil` for nothing that a client could see.
    /// - Throws: `APIError` when the time was not enough, `CancellationError` when the client has left.
    mutating func take(_ event: GenerationEvent) throws -> ChoicePiece? {
        switch event {
        case .prompt(let probabilities):
            return ChoicePiece(index: index, text: prompt.text, probabilities: echoed(probabilities))
        case .token(let token): return piece(token)
        case .cache(let progress): return ChoicePiece(index: index, cache: progress)
        case .finished(let summary):
            return ChoicePiece(
                index: index, text: summary.text, probabilities: reportsProbabilities ? [] : nil,
                end: try Self.end(summary.reason))
        }
    }

    /// The prompt's tokens, those included that write no text.
    private func echoed(_ probabilities: [LogProbabilities]) -> [TokenProbability] {
        var detokenizer = StreamingDetokenizer(tokenizer, skipSpecialTokens: true)
        var offset = 0
        var tokens: [TokenProbability] = []
        for (position, token) in prompt.tokens.enumerated() {
            tokens.append(
                position == 0
                    ? TokenProbability(first: token, tokenizer)
                    : TokenProbability(probabilities[position - 1], tokenizer, textOffset: offset))
            offset += detokenizer.append(token).unicodeScalars.count
        }
        return tokens
    }

    private mutating func piece(_ token: GeneratedToken) -> ChoicePiece? {
        var piece = ChoicePiece(index: index, text: token.text)
        if let probabilities = token.logProbabilities {
            // An end token is no part of the answer.
            piece.probabilities =
                endTokens.contains(token.id)
                ? [] : [TokenProbability(probabilities, tokenizer, textOffset: textOffset)]
        }
        textOffset += token.text.unicodeScalars.count
        return piece.text.isEmpty && piece.probabilities?.isEmpty != false ? nil : piece
    }

    private static func end(_ reason: FinishReason) throws -> ChoiceEnd {
        switch reason {
        case .stop, .stopString: return .stop
        case .length, .contextLimit, .memoryLimit: return .length
        case .deadline: throw APIError.timeout
        case .cancelled: throw CancellationError()
        }
    }
}
