import DMSCheckpoint
import DMSJSON
import DMSModel
import DMSTensor
import DMSTestSupport
import Testing

/// A trained model against PyTorch's numbers, within the tolerances that its fixtures state for FP32.
@Suite(.enabled(if: SharedFiles.areAvailable), .serialized)
struct GoldenDenseTests {
    static let golden = Result { try GoldenFile(SharedFiles.path("fixtures/dense.safetensors")) }
    static let model = Result { try ReferenceTests.open(SharedFiles.path("models/wiki-llama-8m"), threads: 2) }

    @Test(arguments: ["p1", "p37", "p700"])
    func logitsAndHiddenStates(_ prompt: String) throws {
        let golden = try Self.golden.get()
        let model = try Self.model.get()
        let tokens = golden.integers("\(prompt).ids")
        let recorder = Recorder()
        let found = try logits(model, tokens, attention: DenseAttention(model), observer: recorder)

        if prompt == "p700" {
            #expect(maximumDifference(found[696...].joined().map { $0 }, golden.floats("p700.last4_logits")) < 3e-4)
        } else {
            #expect(maximumDifference(found.joined().map { $0 }, golden.floats("\(prompt).logits")) < 3e-4)
        }
        try checkSummaries(model, found, tokens, golden, prompt)
        checkHiddenStates(recorder, golden, prompt)
    }

    private func checkSummaries(
        _ model: LlamaModel, _ found: [[Float]], _ tokens: [Int32], _ golden: GoldenFile, _ prompt: String
    ) throws {
        let matrix = try Tensor(rows: tokens.count, columns: model.configuration.vocabularySize)
        for (row, values) in found.enumerated() {
            for (column, value) in values.enumerated() { matrix.view.row(row)[column] = value }
        }
        var sums = [Float](repeating: 0, count: tokens.count)
        var best = [Int32](repeating: 0, count: tokens.count)
        model.kernels.logSumExp(matrix.view, into: &sums)
        model.kernels.argmax(matrix.view, into: &best)
        #expect(maximumDifference(sums, golden.floats("\(prompt).logsumexp")) < 1e-4)
        let margins = golden.floats("\(prompt).top2_margin")
        for (row, expected) in golden.integers("\(prompt).argmax").enumerated() where margins[row] > 1e-3 {
            #expect(best[row] == expected)
        }
        if tokens.count > 1 {
            let targets = (0..<tokens.count - 1).map { found[$0][Int(tokens[$0 + 1])] - sums[$0] }
            #expect(maximumDifference(targets, golden.floats("\(prompt).target_logprob")) < 1e-4)
        }
    }

    private func checkHiddenStates(_ recorder: Recorder, _ golden: GoldenFile, _ prompt: String) {
        let positions = golden.integers("\(prompt).hidden_positions").map { Int($0) }
        let expected = golden.floats("\(prompt).hidden")
        let points: [ActivationPoint] =
            [.embedding] + (0..<6).map { .residual(layer: $0) } + [.finalNorm]
        for (index, point) in points.enumerated() {
            let rows = recorder.values[point] ?? []
            let found = positions.flatMap { rows[$0] }
            let slice = expected[index * found.count..<(index + 1) * found.count]
            let scale = slice.reduce(0) { max($0, abs($1)) }
            #expect(maximumDifference(found, slice) < 1e-4 * scale, "\(point)")
        }
    }

    @Test func firstLayerInside() throws {
        let golden = try Self.golden.get()
        let model = try Self.model.get()
        let recorder = Recorder()
        _ = try logits(
            model, golden.integers("p37.ids"), attention: DenseAttention(model), observer: recorder)
        func compare(_ point: ActivationPoint, _ expected: [Float]) {
            let found = (recorder.values[point] ?? []).flatMap { $0 }
            let scale = expected.reduce(0) { max($0, abs($1)) }
            #expect(maximumDifference(found, expected) < 1e-4 * scale, "\(point)")
        }
        compare(.attentionNorm(layer: 0), golden.floats("p37.layer0.input_norm"))
        compare(.query(layer: 0), golden.floats("p37.layer0.q"))
        compare(.key(layer: 0), golden.floats("p37.layer0.k"))
        compare(.value(layer: 0), golden.floats("p37.layer0.v"))
        compare(.rotatedQuery(layer: 0), Self.rowsFirst(golden.floats("p37.layer0.q_rope"), heads: 8, tokens: 37))
        compare(.rotatedKey(layer: 0), Self.rowsFirst(golden.floats("p37.layer0.k_rope"), heads: 2, tokens: 37))
        compare(.attentionHeads(layer: 0), golden.floats("p37.layer0.attn_heads"))
        compare(.feedForwardNorm(layer: 0), golden.floats("p37.layer0.post_norm"))
    }

    /// `[heads, tokens, d]` to `[tokens, heads · d]`.
    private static func rowsFirst(_ values: [Float], heads: Int, tokens: Int) -> [Float] {
        let d = values.count / heads / tokens
        var result: [Float] = []
        for token in 0..<tokens {
            for head in 0..<heads {
                let start = (head * tokens + token) * d
                result += values[start..<start + d]
            }
        }
        return result
    }

    @Test func greedyContinuationsOneTokenAtATime() throws {
        let model = try Self.model.get()
        let cases = try readJSON(SharedFiles.path("fixtures/greedy.json"))
        let prompts = try #require(cases.arrayValue)
        #expect(prompts.count == 4)
        for prompt in prompts {
            let fields = try #require(prompt.objectValue)
            let ids = try #require(fields["prompt_ids"]?.arrayValue).compactMap { $0.integerValue.map(Int32.init) }
            let expected = try #require(fields["new_ids"]?.arrayValue).compactMap { $0.integerValue.map(Int32.init) }
            #expect(try greedy(model, ids, count: expected.count) == expected)
        }
    }

    private func greedy(_ model: LlamaModel, _ prompt: [Int32], count: Int) throws -> [Int32] {
        let attention = DenseAttention(model)
        let workspace = try ForwardWorkspace(model.configuration, maximumRows: prompt.count)
        let row = try Tensor(rows: 1, columns: model.configuration.vocabularySize)
        var next = prompt
        var position = 0
        var tokens: [Int32] = []
        while tokens.count < count {
            let hidden = try model.forward(
                ForwardBatch(tokens: next, firstPosition: position), attention: attention, workspace: workspace)
            position += next.count
            model.logits(hidden.rows(next.count - 1..<next.count), into: row.view)
            var best: Int32 = 0
            model.kernels.argmax(row.view, into: &best)
            tokens.append(best)
            next = [best]
        }
        return tokens
    }

    /// What BF16 costs on a trained model, printed so that a change shows.
    @Test func bf16IsAsFarAsBF16Is() throws {
        let golden = try Self.golden.get()
        let model = try ReferenceTests.open(SharedFiles.path("models/wiki-llama-8m"), precision: .bf16, threads: 2)
        let tokens = golden.integers("p37.ids")
        let found = try logits(model, tokens, attention: DenseAttention(model))
        let worst = maximumDifference(found.joined().map { $0 }, golden.floats("p37.logits"))
        print("BF16 logits differ from FP32 by at most \(worst)")
        #expect(worst < 0.5)
    }
}
