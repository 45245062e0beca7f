import DMSModel
import DMSPolicy
import DMSTensor
import DMSTestSupport
import Testing

@testable import DMSEvaluation

@Suite struct NeedleControlsTests {
    static let window = 20

    static func evaluation(_ length: Int = 300, samples: Int = 2) throws -> NeedleEvaluation {
        try NeedleEvaluation(
            source: NeedleGenerator(task: .needle, seed: 8), lengths: [length], depths: [0, 1], samples: samples)
    }

    @Test func controlsStoreAsMuchAtTheEnd() throws {
        let model = try tinyGatedModel(window: Self.window, vocabulary: 256)
        let runner = try ModelRunner(model, passLength: 100)
        let controls = try NeedleControls(runner, kvType: .float32, seed: 5)
        let evaluation = try Self.evaluation()
        var done: [Int] = []
        let results = try evaluation.run(
            [
                Subject(name: "on", runner: runner, path: CompactPath(model)),
                Subject(name: "off", runner: runner, path: CompactPath(model), eviction: .off),
            ], controls: controls, encode: NeedleTests.encode, onSample: { done.append($0) })
        #expect(results.map(\.name) == ["on", "off", "sliding_window", "random"])
        #expect(done == Array(1...evaluation.sampleCount(withControls: true)))
        #expect(results[1].liveRatioAtEnd == 1 && results[1].decisionRatio == 1)
        #expect(results[0].liveRatioAtEnd > 1.3, "a gate that evicts nothing would test nothing")
        for control in results[2...] {
            // A window has whole tokens, and texts of one length differ by less than one sentence.
            #expect(abs(control.liveRatioAtEnd / results[0].liveRatioAtEnd - 1) < 0.05, "\(control.name)")
            #expect(control.cells.count == 2)
        }
    }

    @Test func whatIsKeptIsWhatTheDefinitionSays() throws {
        let model = try tinyGatedModel(window: Self.window, vocabulary: 256)
        let dms = try #require(model.dms)
        let runner = try ModelRunner(model, passLength: 64)
        let evaluation = try Self.evaluation()
        let sample = try evaluation.source.sample(length: 200, depth: 0.5, number: 0, encode: NeedleTests.encode)
        let count = sample.tokens.count - 1
        let found = try evaluation.keptShares(
            of: sample, Subject(name: "on", runner: runner, path: CompactPath(model)),
            controls: try NeedleControls(runner, kvType: .float32, seed: 5))
        let decisions = referenceForward(model, Array(sample.tokens[..<count])).decisions
        let heads = decisions.joined()
        for token in 0..<count {
            let kept = heads.count { !$0[token] || count - 1 - token <= dms.windowSize }
            #expect(isNear(found[0].shares[token], Double(kept) / Double(heads.count), 1e-12))
        }
        #expect(found[0].shares.contains { $0 < 1 })
        let window = try #require(found.first { $0.name == "sliding_window" }).shares
        #expect(Set(window) == [0, 1] && window[0] == 1 && window[count - 1] == 1)
        let stored = found.map { $0.shares.reduce(0, +) }
        #expect(stored[1] >= stored[0] && stored[1] < stored[0] + 1)
    }

    @Test func theAnswerIsFoundInTheText() throws {
        let source = RecallSource(seed: 3)
        // A token for every word, one for every full stop.
        var words: [String: Int32] = [:]
        func encode(_ text: String) -> [Int32] {
            [0]
                + text.replacing(".", with: " .").split(separator: " ").map { word in
                    let next = Int32(words.count + 1)
                    words[String(word)] = words[String(word)] ?? next
                    return words[String(word)] ?? next
                }
        }
        let sample = try source.sample(length: 200, depth: 0.3, number: 0, encode: encode)
        #expect(sample.tokens.count == 200 && sample.answerStart == 199)
        #expect(sample.answerPlaces.count == 1, "said once, whatever else the word is in")
        let place = try #require(sample.answerPlaces.first)
        #expect(sample.tokens[place.lowerBound - 3..<place.upperBound] == sample.tokens[196...])
        #expect(throws: EvaluationError.self) {
            try source.sample(length: 200, depth: 0.3, number: 0) { $0.utf8.map { Int32($0) } }
        }
        #expect(throws: EvaluationError.self) { try source.sample(length: 40, depth: 0, number: 0, encode: encode) }
    }

    @Test func plainModelsHaveNoControls() throws {
        let model = try TinyModel.make(TinyModel.configuration(vocabulary: 64), seed: 3)
        let runner = try ModelRunner(model, passLength: 64)
        #expect(throws: EvaluationError.self) { try NeedleControls(runner, kvType: .float32, seed: 5) }
    }
}
