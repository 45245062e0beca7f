import DMSCheckpoint
import DMSEngine
import DMSJSON
import DMSModel
import DMSTestSupport
import DMSTokenizer
import Testing

@Suite("Text generation")
struct TextGeneratorTests {
    private let model: LlamaModel
    private let tokenizer: Tokenizer
    private let prompt: [Int32]

    init() throws {
        let configuration = try TinyModel.configuration(vocabulary: ByteTokenizer.vocabulary.count)
        model = try TinyModel.make(configuration, seed: 11)
        tokenizer = try Tokenizer(json: Array(JSONValue.object(ByteTokenizer.file).text().utf8))
        prompt = tokenizer.encode("hello, wörld")
    }

    private struct Outcome {
        var pieces: [String] = []
        var tokens: [Int32] = []
        var reason: FinishReason?
        var text: String { pieces.joined() }
    }

    /// Sampled at a high temperature: nearly random bytes, many of them no UTF-8.
    private func generate(
        _ count: Int, seed: UInt64 = 1, stops: [String] = [], endTokens: Set<Int32> = []
    ) throws -> Outcome {
        let sampling = try SamplingParameters(temperature: 3, seed: seed)
        let parameters = try GenerationParameters(sampling: sampling, maximumTokens: count, endTokens: endTokens)
        let tokens = try TokenGenerator(
            model, attention: DenseAttention(model), prompt: prompt, parameters: parameters)
        var generator = try TextGenerator(tokens, tokenizer: tokenizer, stopStrings: stops)
        var outcome = Outcome()
        while let piece = try generator.next() { outcome.pieces.append(piece) }
        #expect(try generator.next() == nil)
        outcome.tokens = generator.tokens
        outcome.reason = generator.finishReason
        return outcome
    }

    @Test("pieces put together are the decoded ids", arguments: 0..<8)
    func streams(seed: UInt64) throws {
        let outcome = try generate(80, seed: seed)
        #expect(outcome.tokens.count == 80)
        #expect(outcome.reason == .length)
        #expect(try Array(outcome.text.utf8) == Array(tokenizer.decode(outcome.tokens, skipSpecialTokens: true).utf8))
    }

    @Test("an end token is in the ids and not in the text, special or not")
    func endToken() throws {
        let all = try generate(40)
        let end = all.tokens[20]
        let position = try #require(all.tokens.firstIndex(of: end))
        let outcome = try generate(40, endTokens: [end])
        #expect(outcome.tokens == Array(all.tokens[...position]))
        #expect(outcome.reason == .stop)
        let expected = try tokenizer.decode(all.tokens[..<position], skipSpecialTokens: true)
        #expect(Array(outcome.text.utf8) == Array(expected.utf8))
    }

    @Test("a stop string wins over the length that its last token reaches", arguments: [5, 12, 30])
    func stopString(length: Int) throws {
        let all = try generate(60)
        let ids = all.tokens.prefix(length)
        // The first token after which the stop string stands in the text ends it.
        let scalars = Array(all.text.unicodeScalars)
        let known = try tokenizer.decode(ids, skipSpecialTokens: true).unicodeScalars.count
        let stop = String(String.UnicodeScalarView(scalars[max(0, known - 4)..<known - 2]))
        let cut = try #require(all.text.range(ofScalars: stop))
        let outcome = try generate(60, stops: ["never there", stop])
        #expect(outcome.reason == .stopString)
        #expect(Array(outcome.text.utf8) == Array(all.text.utf8.prefix(cut)))
        #expect(all.tokens.starts(with: outcome.tokens))
        let exact = try generate(outcome.tokens.count, stops: [stop])
        #expect(exact.reason == .stopString)
        #expect(exact.tokens == outcome.tokens)
    }

    @Test("an empty stop string is refused")
    func emptyStop() {
        #expect(throws: ParameterError.self) { try generate(1, stops: [""]) }
    }
}

extension String {
    /// UTF-8 bytes before the first occurrence of a text, compared byte by byte.
    fileprivate func range(ofScalars text: String) -> Int? {
        let bytes = Array(utf8)
        let wanted = Array(text.utf8)
        return bytes.indices.first { bytes[$0...].starts(with: wanted) }
    }
}
