import DMSJSON
import DMSTestSupport
import DMSTokenizer
import Testing

@testable import DMSEngine
@testable import DMSServer

/// The objects of answers, without a server.
@Suite("Responses")
struct ResponseTests {
    private static let header = AnswerHeader(id: "x-1", created: 12, model: "m")
    private static let token = TokenProbability(
        chosen: .init(bytes: [0x61], logProbability: -0.5),
        top: [.init(bytes: [0x62], logProbability: -0.25), .init(bytes: [0xE2, 0x82], logProbability: -3)],
        textOffset: 4)

    private static func text(_ object: JSONObject) -> String { JSONValue.object(object).text() }

    @Test("text completions, whole and in chunks")
    func completion() {
        let format = CompletionFormat(header: Self.header)
        var choice = Choice(index: 0)
        choice.append(ChoicePiece(index: 0, text: "ab"))
        choice.append(ChoicePiece(index: 0, text: "c", end: .length))
        #expect(
            Self.text(format.answer([choice], Usage(prompt: 2, completion: 3)))
                == #"{"id":"x-1","object":"text_completion","created":12,"model":"m","choices":[{"text":"abc","index":0,"logprobs":null,"finish_reason":"length"}],"usage":{"prompt_tokens":2,"completion_tokens":3,"total_tokens":5,"prompt_tokens_details":{"cached_tokens":0}}}"#
        )
        #expect(format.opening(choice: 0) == nil)
        #expect(
            Self.text(format.chunk(ChoicePiece(index: 1, text: "ab")))
                == #"{"id":"x-1","object":"text_completion","created":12,"model":"m","choices":[{"text":"ab","index":1,"logprobs":null,"finish_reason":null}]}"#
        )
        #expect(
            Self.text(format.usageChunk(Usage(prompt: 2, completion: 3)))
                == #"{"id":"x-1","object":"text_completion","created":12,"model":"m","choices":[],"usage":{"prompt_tokens":2,"completion_tokens":3,"total_tokens":5,"prompt_tokens_details":{"cached_tokens":0}}}"#
        )
    }

    @Test("chats, whole and in chunks")
    func chat() throws {
        let format = ChatFormat(header: Self.header)
        var choice = Choice(index: 0)
        choice.append(ChoicePiece(index: 0, text: "abc", end: .stop))
        #expect(
            Self.text(format.answer([choice], Usage(prompt: 2, completion: 3)))
                == #"{"id":"x-1","object":"chat.completion","created":12,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"abc","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":2,"completion_tokens":3,"total_tokens":5,"prompt_tokens_details":{"cached_tokens":0}}}"#
        )
        let opening = try #require(format.opening(choice: 1))
        #expect(
            Self.text(opening)
                == #"{"id":"x-1","object":"chat.completion.chunk","created":12,"model":"m","choices":[{"index":1,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]}"#
        )
        #expect(
            Self.text(format.chunk(ChoicePiece(index: 0, end: .stop)))
                == #"{"id":"x-1","object":"chat.completion.chunk","created":12,"model":"m","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]}"#
        )
    }

    @Test("both shapes of log-probabilities; bytes that are no text are spelled out")
    func probabilities() {
        #expect(
            [Self.token].completionJSON.text()
                == #"{"tokens":["a"],"token_logprobs":[-0.5],"top_logprobs":[{"b":-0.25,"bytes:\\xe2\\x82":-3.0,"a":-0.5}],"text_offset":[4]}"#
        )
        #expect(
            [Self.token].chatJSON.text()
                == #"{"content":[{"token":"a","logprob":-0.5,"bytes":[97],"top_logprobs":[{"token":"b","logprob":-0.25,"bytes":[98]},{"token":"\#u{FFFD}","logprob":-3.0,"bytes":[226,130]}]}],"refusal":null}"#
        )
        #expect([TokenProbability]().chatJSON.text() == #"{"content":[],"refusal":null}"#)
    }

    @Test("the first token of a prompt has no probability, and null says so")
    func firstToken() throws {
        let first = TokenProbability(first: 0, try Serving.tokenizer())
        #expect(
            [first, Self.token].completionJSON.text()
                == #"{"tokens":["<|begin|>","a"],"token_logprobs":[null,-0.5],"top_logprobs":[null,{"b":-0.25,"bytes:\\xe2\\x82":-3.0,"a":-0.5}],"text_offset":[0,4]}"#
        )
    }

    @Test("a prompt's pieces: its text as it was sent, its tokens with offsets that count characters")
    func echoes() throws {
        let tokenizer = try Serving.tokenizer()
        let prompt = tokenizer.encode("éa")
        let request = try GenerationRequest(prompt: prompt, maximumTokens: 9, promptLogProbabilities: 0)
        let logits = [Float](repeating: 0, count: tokenizer.vocabularySize)
        let scores = prompt.dropFirst().map { token in
            logits.withUnsafeBufferPointer { LogProbabilities($0, chosen: token, count: 0) }
        }
        var assembler = ChoiceAssembler(index: 0, request: request, tokenizer: tokenizer, echo: "éa")
        let piece = try #require(try assembler.take(.prompt(scores)))
        #expect(piece.text == "éa" && piece.end == nil)
        let tokens = try #require(piece.probabilities)
        // The beginning of a text, two bytes of one letter, another letter.
        #expect(tokens.map(\.textOffset) == [0, 0, 0, 1])
        #expect(tokens.map { $0.chosen.logProbability == nil } == [true, false, false, false])
        #expect(tokens.map(\.chosen.bytes) == [Array("<|begin|>".utf8), [0xC3], [0xA9], [0x61]])
    }

    @Test("no text can break an event")
    func events() throws {
        let text = "a\r\n\ndata: {}\u{2028}\u{2029}\u{0}\"\\"
        let event = ServerSentEvents.event(JSONObject(["t": .string(text)]))
        #expect(event.hasPrefix("data: ") && event.hasSuffix("\n\n"))
        let payload = event.dropFirst(6).dropLast(2)
        for scalar in ["\r", "\n", "\u{2028}", "\u{2029}", "\u{0}"] as [Unicode.Scalar] {
            #expect(!payload.unicodeScalars.contains(scalar))
        }
        #expect(try JSONReader.parse(String(payload)).objectValue?["t"]?.stringValue == text)
    }

    @Test("errors in OpenAI's shape")
    func errors() {
        let error = APIError(status: 400, kind: .invalidRequest, message: "m", parameter: "p", code: "c")
        #expect(
            Self.text(error.json)
                == #"{"error":{"message":"m","type":"invalid_request_error","param":"p","code":"c"}}"#)
        #expect(APIError(EngineError.overloaded(limit: 3)).status == 429)
        #expect(APIError(EngineError.overloaded(limit: 3)).retryAfterSeconds != nil)
        #expect(APIError(EngineError.shutDown).status == 503)
        #expect(APIError(EngineError.overBudget(neededBytes: 2, budgetBytes: 1)).status == 400)
        #expect(APIError(PromptError.tooLong(tokens: 9, limit: 8)).code == "context_length_exceeded")
        let parameter = ParameterError(field: "logitBias", found: "token 9", required: "less")
        #expect(APIError(parameter).parameter == "logit_bias")
        // What is no one's fault outside is said in the log alone.
        struct Secret: Error {}
        #expect(APIError(Secret()) == .internalFailure)
    }

    @Test("a continuation's pieces: end tokens are no text, reasons are OpenAI's, lateness is an error")
    func assembler() throws {
        let tokenizer = try Serving.tokenizer()
        let request = try GenerationRequest(prompt: [5], maximumTokens: 9, endTokens: [1], logProbabilities: 1)
        func summary(_ reason: FinishReason, text: String = "") -> GenerationEvent {
            .finished(
                GenerationSummary(
                    reason: reason, text: text, promptTokens: 1, generatedTokens: 2, preemptions: 0, reusedTokens: 0,
                    cachedTokens: 0, queueSeconds: 0, firstTokenSeconds: 0, totalSeconds: 1))
        }
        func token(_ id: Int32, _ text: String) -> GenerationEvent {
            let logits = [Float](repeating: 0, count: tokenizer.vocabularySize)
            return .token(
                GeneratedToken(
                    id: id, text: text,
                    logProbabilities: logits.withUnsafeBufferPointer { LogProbabilities($0, chosen: id, count: 1) }))
        }
        var assembler = ChoiceAssembler(index: 3, request: request, tokenizer: tokenizer, echo: "äb")
        let first = try #require(try assembler.take(token(ByteTokenizer.id(of: 0x61), "a")))
        #expect(first.index == 3 && first.text == "a" && first.probabilities?.first?.textOffset == 2)
        let second = try #require(try assembler.take(token(ByteTokenizer.id(of: 0x62), "")))
        #expect(second.text.isEmpty && second.probabilities?.first?.textOffset == 3)
        #expect(try assembler.take(token(1, "")) == nil)
        let last = try #require(try assembler.take(summary(.stop, text: "z")))
        #expect(last.text == "z" && last.end == .stop && last.probabilities == [])
        let ends: [FinishReason: ChoiceEnd] = [
            .stop: .stop, .stopString: .stop, .length: .length, .contextLimit: .length, .memoryLimit: .length,
        ]
        for (reason, end) in ends { #expect(try assembler.take(summary(reason))?.end == end) }
        #expect(throws: CancellationError.self) { _ = try assembler.take(summary(.cancelled)) }
        #expect(try #require(throws: APIError.self) { _ = try assembler.take(summary(.deadline)) }.status == 504)
    }
}
