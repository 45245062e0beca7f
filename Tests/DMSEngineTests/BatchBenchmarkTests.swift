import DMSCache
import DMSModel
import DMSPolicy
import DMSTensor
import DMSTestSupport
import Testing

@testable import DMSEngine

@Suite("Batches of a benchmark")
struct BatchBenchmarkTests {
    private static let window = 12
    private static let gate = Serving.RandomSource(rate: 6)

    private static func runner(_ eviction: EvictionControl = .forced(gate)) throws -> BenchmarkRunner {
        let configuration = try TinyModel.configuration()
        let retention = try DMSConfiguration(
            profile: .fastdms, windowSize: window, alphaScale: 100, alphaOffset: 5)
        return try BenchmarkRunner(
            configuration: configuration, weights: try .random(configuration, type: .float32, seed: 2), dms: nil,
            precision: .fp32, kernels: try CPUKernels(threads: 1), retention: retention, eviction: eviction)
    }

    private static func workload(_ fill: CacheFill, sequences: [Int] = [1]) -> BatchWorkload {
        BatchWorkload(
            modes: [.noEvict, .dms], context: 200, generate: 3, sequences: sequences, rounds: 2, kvType: .float32,
            fill: fill, prefillChunk: 64)
    }

    @Test("a cache holds what the rule keeps of its context, however it was filled", arguments: CacheFill.allCases)
    func fill(_ fill: CacheFill) throws {
        let runner = try Self.runner()
        let rule = try RetentionRule(window: Self.window)
        for mode in [BenchmarkMode.noEvict, .dms] {
            let cache = try runner.filled(mode, Self.workload(fill))
            for layer in 0..<cache.layerCount {
                for head in 0..<cache.shape.keyValueHeads {
                    let kept = (0..<200).filter { key in
                        let evicted = mode == .dms && Self.gate.evicts(layer: layer, head: head, position: key)
                        return rule.isVisible(key: key, query: 199, evicted: evicted)
                    }
                    #expect(cache.liveTokens(layer: layer, head: head, sequence: 0) == kept.count)
                }
            }
            #expect(cache.tokenCount(of: 0) == 200)
        }
    }

    @Test("every step of every round counts, its parts add up, and every copy has pages of its own")
    func batches() throws {
        let runner = try Self.runner()
        let results = try runner.run(Self.workload(.synthetic, sequences: [1, 5]))
        #expect(results.map(\.mode) == [.noEvict, .noEvict, .dms, .dms])
        #expect(results.map(\.sequences) == [1, 5, 1, 5])
        for result in results {
            #expect(result.stepSeconds.count == 6 && result.stepSeconds == result.stepSeconds.sorted())
            let times = result.times
            let parts = [
                times.linear, times.attention, times.otherKernels, times.bookkeeping, times.scheduler, times.delivery,
            ]
            #expect(parts.allSatisfy { $0 > 0 })
            #expect(abs(parts.reduce(0, +) - times.total) < 1e-9)
            #expect(abs(result.stepSeconds.reduce(0, +) - times.total) < 1e-9)
            #expect(result.kvAllocatedBytes >= result.kvLiveBytes)
        }
        // All copies begin with the same bytes and decide alike, so five hold five times as much, and nothing is shared.
        for (one, five) in [(results[0], results[1]), (results[2], results[3])] {
            #expect(five.kvLiveBytes == 5 * one.kvLiveBytes)
        }
        #expect(results[2].kvLiveBytes < results[0].kvLiveBytes / 2)
    }

    @Test("batches choose tokens as they are told, and take the same bytes for it")
    func sampling() throws {
        let runner = try Self.runner()
        var workload = Self.workload(.synthetic, sequences: [3])
        let greedy = try runner.run(workload)
        workload.sampling = try SamplingParameters(temperature: 1, topP: 0.9)
        let sampled = try runner.run(workload)
        #expect(sampled.map(\.stepSeconds.count) == [6, 6])
        #expect(sampled.map(\.kvLiveBytes) == greedy.map(\.kvLiveBytes))
    }

    @Test("a context without room, and a synthetic fill for a gate that reads queries, are refused")
    func refusals() throws {
        var workload = Self.workload(.prefill)
        workload.context = 1 << 20
        let runner = try Self.runner()
        #expect(throws: ParameterError.self) { try runner.run(workload) }
        let own = try Self.runner(.model)
        #expect(throws: ParameterError.self) { try own.run(Self.workload(.synthetic)) }
    }
}
