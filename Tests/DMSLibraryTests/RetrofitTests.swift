import DMSCheckpoint
import DMSEngine
import DMSEvaluation
import DMSModel
import DMSPolicy
import DMSTensor
import DMSTokenizer
import DMSTraining
import Foundation
import Testing

@Suite("A retrofit by hand")
struct RetrofitTests {
    private static let text = String(repeating: "The grass is green. The sky is blue. The sun is yellow. ", count: 40)

    @Test("a base model is taught for a few steps, opened again, served and judged")
    func retrofit() async throws {
        let base = try TemporaryFolder()
        let output = try TemporaryFolder()
        try Models.makeRandom(in: base.path)
        let records = try Self.retrofit(base.path, to: output.path)
        #expect(records.map(\.phase) == [.zeroing, .zeroing, .gating, .gating])
        #expect(records.allSatisfy { $0.loss.isFinite && $0.tokens == 2 * 64 })

        let loaded = try LoadedModel(directory: output.path, precision: .fp32, threads: 1)
        #expect(loaded.dms?.configuration.windowSize == 16)
        let report = try Self.judge(loaded, base: base.path)
        #expect((report[.base]?.perplexity.value ?? 0) > 1)
        // Two steps move little: the student is still near its teacher.
        let role = SubjectRole.model(path: .compact, kvType: .float32, evicts: true)
        let kl = try #require(report.divergence(from: .base, to: role)?.meanKL)
        #expect(kl > 0 && kl < 1)
        #expect(report[role]?.ratios.meanLiveRatio != nil)

        let engine = try Engine(loaded)
        let stream = try engine.stream("The grass is", maximumTokens: 4)
        for try await _ in stream {}
        #expect(stream.summary?.generatedTokens == 4)
        await engine.shutDown()
    }

    private static func retrofit(_ base: String, to output: String) throws -> [StepRecord] {
        let kernels = try CPUKernels(threads: 1)
        let directory = try ModelDirectory.open(path: base)
        let file = output + "/corpus.txt"
        try Data(text.utf8).write(to: URL(fileURLWithPath: file))
        let corpus = try TrainingCorpus(
            paths: [file], tokenizer: Tokenizer(file: directory.tokenizerPath),
            options: TrainingCorpus.Options(
                contextLength: 64, chunksPerBatch: 2, endOfText: nil,
                vocabularySize: directory.configuration.vocabularySize))
        try FileManager.default.removeItem(atPath: file)
        let recipe = try Recipe(
            schedule: TrainingSchedule(
                zeroingSteps: 2, stepsPerRatio: 2, holdSteps: 0, targetRatio: 2,
                learningRate: LearningRate(peak: 1e-3), firstTemperature: 1, lastTemperature: 0.1),
            contextLength: 64, batchSize: 2, gradientAccumulation: 1, seed: 1,
            penalty: CompressionPenalty(loss: .relu, weight: 1, headCap: nil),
            dms: DMSConfiguration(profile: .fastdms, windowSize: 16, alphaScale: 100, alphaOffset: 5))
        let trainer = try Trainer(
            recipe: recipe, weights: LlamaParameters(directory, kernels: kernels),
            base: LlamaModel(
                configuration: directory.configuration,
                weights: LlamaWeights(directory, precision: .fp32, kernels: kernels), dms: nil, precision: .fp32,
                kernels: kernels),
            corpus: corpus, kernels: kernels)
        let folder = RunFolder(output)
        try folder.require(resuming: false)
        let run = TrainingRun(
            trainer, folder: folder, source: base, type: .float32, saveEvery: 100, corpusDigest: corpus.digest,
            modelDigest: try WeightsDigest(directory: base).sha256, kernels: kernels)
        var records: [StepRecord] = []
        #expect(try run.run(resuming: false, onStep: { records.append($0) }) == .finished)
        return records
    }

    private static func judge(_ loaded: LoadedModel, base: String) throws -> ModelEvaluationReport {
        let teacher = try LoadedModel(directory: base, precision: .fp32, threads: 1)
        let evaluation = try ModelEvaluation(
            loaded.model, name: "retrofitted", base: (teacher.model, "base"), options: ModelEvaluation.Options())
        return try evaluation.run(
            EvaluationChunks(tokens: loaded.tokenizer.encode(text), length: 64, limit: 2))
    }
}
