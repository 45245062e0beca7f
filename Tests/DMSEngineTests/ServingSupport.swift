import DMSCache
import DMSCheckpoint
import DMSModel
import DMSPolicy
import DMSTensor
import DMSTestSupport
import Testing

@testable import DMSEngine

/// Small models and requests for engines.
enum Serving {
    static let block = 8

    /// Decisions that do not come from the model, seeded.
    struct RandomSource: EvictionSource {
        var seed: UInt64 = 1
        /// Evicting decisions of 8.
        var rate = 6
        func evicts(layer: Int, head: Int, position: Int) -> Bool {
            var random = SeededGenerator(seed: seed &+ UInt64(layer * 1_000_003 + head * 10_007 + position))
            return Int.random(in: 0..<8, using: &random) < rate
        }
    }

    static func model(window: Int = 5, shift: Int = 0, vocabulary: Int = 97, seed: UInt64 = 3) throws -> LlamaModel {
        let configuration = try TinyModel.configuration(vocabulary: vocabulary)
        let dms = try DMSConfiguration(
            source: .borrowedQueryChannel, channel: .last, decisionShift: shift, zeroing: .beforeRope,
            windowSize: window, windowInclusive: true, alphaScale: 100, alphaOffset: 5)
        return try TinyModel.make(configuration, dms: dms, seed: seed)
    }

    /// A model whose own gates decide, some half of the time.
    static func model(_ dialect: Dialect, window: Int = 5) throws -> LlamaModel {
        try TinyModel.make(
            try TinyModel.configuration(), dms: try dialect.configuration(window: window), seed: 3)
    }

    static func prompt(_ count: Int, seed: UInt64) -> [Int32] {
        var random = SeededGenerator(seed: seed &* 7919)
        return (0..<count).map { _ in Int32.random(in: 0..<97, using: &random) }
    }

    /// Prompts on both sides of every edge of the grid; greedy and sampled in turn, with penalties among them.
    static func requests(_ count: Int, tokens: Int = 14) throws -> [GenerationRequest] {
        let lengths = [13, 1, 9, 8, 30, 2, 17, 25, 5, 41]
        return try (0..<count).map { index in
            let sampling =
                index % 2 == 0
                ? SamplingParameters.greedy
                : try SamplingParameters(
                    temperature: 1.5, topP: 0.95, repetitionPenalty: 1.1, presencePenalty: 0.3,
                    frequencyPenalty: 0.2, logitBias: [3: 1.5], seed: UInt64(index))
            return try GenerationRequest(
                prompt: prompt(lengths[index % lengths.count], seed: UInt64(index + 1)), sampling: sampling,
                maximumTokens: tokens + index % 3, logProbabilities: 3)
        }
    }

    static func configuration(
        kvType: ScalarType = .float32, budget: Int? = nil, step: Int = 40, running: Int = 8, waiting: Int = 256,
        buffered: Int = 256, guaranteed: Bool = true, prefixes: Int = 8, speculation: SpeculationParameters? = nil
    ) throws -> EngineConfiguration {
        try EngineConfiguration(
            kvType: kvType, slotsPerPage: 4, rowsPerBlock: block, budgetBytes: budget, tokensPerStep: step,
            maximumRunning: running, maximumWaiting: waiting, bufferedEvents: buffered,
            guaranteesCompletion: guaranteed, maximumPrefixes: prefixes, speculation: speculation)
    }

    /// Bytes of activations and logits of an engine.
    static func workspaceBytes(_ model: LlamaModel, _ configuration: EngineConfiguration) -> Int {
        BatchRunner.byteCount(
            model, maximumRows: configuration.tokensPerStep, samplingRows: configuration.samplingRows)
    }

    /// Results without what depends on time.
    struct Outcome: Hashable, Sendable {
        var tokens: [Int32]
        var logProbabilities: [LogProbabilities]
        var text: String
        var reason: FinishReason

        init(_ result: GenerationStream.Result) {
            tokens = result.tokens
            logProbabilities = result.logProbabilities
            text = result.text
            reason = result.summary.reason
        }
    }

    /// Submits requests at once and waits for all.
    static func outcomes(_ engine: Engine, _ requests: [GenerationRequest]) async throws -> [Outcome] {
        let streams = try requests.map { try engine.submit($0) }
        return try await outcomes(streams)
    }

    static func outcomes(_ streams: [GenerationStream]) async throws -> [Outcome] {
        try await withThrowingTaskGroup(of: (Int, Outcome).self) { group in
            for (index, stream) in streams.enumerated() {
                group.addTask { (index, Outcome(try await stream.collect())) }
            }
            var results: [Int: Outcome] = [:]
            for try await (index, outcome) in group { results[index] = outcome }
            return streams.indices.compactMap { results[$0] }
        }
    }

    /// Each request by itself, from its first token.
    static func alone(
        _ model: LlamaModel, _ requests: [GenerationRequest], kvType: ScalarType = .float32,
        eviction: EvictionControl = .model
    ) async throws -> [Outcome] {
        let engine = try Engine(
            model, configuration: try configuration(kvType: kvType, step: 8, running: 1, prefixes: 0),
            eviction: eviction)
        var outcomes: [Outcome] = []
        for request in requests { outcomes += try await self.outcomes(engine, [request]) }
        await engine.shutDown()
        return outcomes
    }
}
