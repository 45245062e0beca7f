import DMSModel
import DMSTensor
import DMSTestSupport
import Testing

@testable import DMSEngine

/// Tokens that several threads choose are those that one would.
@Suite("Choosing tokens on several threads")
struct TokenChoiceTests {
    private static let vocabulary = 17_000

    private static func model(threads: Int) throws -> LlamaModel {
        try TinyModel.make(try TinyModel.configuration(vocabulary: vocabulary), seed: 3, threads: threads)
    }

    @Test("the same tokens, log-probabilities and order of events, with and without guesses", arguments: [0, 3])
    func company(draft: Int) async throws {
        let requests = try SpeculationTests.requests(7, tokens: 8)
        let expected = try await Serving.alone(try Self.model(threads: 1), requests)
        let speculation = try draft == 0 ? nil : SpeculationParameters(maximumDraft: draft, shortestMatch: 1)
        for threads in [2, 4] {
            let engine = try Engine(
                try Self.model(threads: threads),
                configuration: try Serving.configuration(running: 6, speculation: speculation))
            #expect(try await Serving.outcomes(engine, requests) == expected)
            await engine.shutDown()
        }
        // Else they would not have been chosen together.
        #expect(4 * Self.vocabulary > TokenChoice.leastLogits)
        #expect(Set(expected.flatMap(\.tokens)).count > 10)
    }

    @Test("two engines over one model share its threads")
    func twoEngines() async throws {
        let model = try Self.model(threads: 3)
        let requests = try Serving.requests(6, tokens: 4)
        let expected = try await Serving.alone(model, requests)
        let first = try Engine(model, configuration: try Serving.configuration(running: 4))
        let second = try Engine(model, configuration: try Serving.configuration(running: 8))
        async let left = Serving.outcomes(first, requests)
        async let right = Serving.outcomes(second, requests)
        #expect(try await left == expected)
        #expect(try await right == expected)
        await first.shutDown()
        await second.shutDown()
    }

    @Test("a token that cannot be chosen is an error of its request and of no other")
    func failure() async throws {
        let parts = 4
        let model = try Self.model(threads: 2)
        let logits = try Tensor(rows: parts, columns: Self.vocabulary)
        for row in 0..<parts {
            for column in 0..<Self.vocabulary { logits.view[row, column] = Float(column % 7) }
        }
        logits.view[2, 11] = .nan
        let choice = TokenChoice()
        for row in 0..<parts {
            let request = try OpenRequest(
                Mailbox.Submission(
                    id: RequestID(row), request: try GenerationRequest(prompt: [1], maximumTokens: 4), session: nil,
                    constraint: nil, buffer: StreamBuffer(limit: row == 3 ? 1 : 9), submitted: .now), tokenizer: nil)
            let span = PlannedSpan(id: RequestID(row), positions: 0..<1, rowByRow: true, samples: true)
            choice.add(
                TokenChoice.Part(span: span, request: request, draft: [], logits: logits.view.rows(row..<row + 1)))
        }
        choice.choose(with: model)
        let made = choice.parts.map(\.request.choice)
        #expect(made.map(\.tokens) == [1, 1, 0, 1])
        #expect(made.map { $0.error is SamplingError } == [false, false, true, false])
        #expect(made.map(\.isFull) == [false, false, false, true])
        #expect(choice.parts.map(\.request.tokens.last) == [6, 6, 1, 6])
        choice.removeAll()
        #expect(choice.parts.isEmpty)
    }
}
