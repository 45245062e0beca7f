import DMSEngine
import DMSJSON
import DMSTensor

/// What `dms bench --sequences` prints of one context.
struct BenchBatches {
    let workload: BatchWorkload
    /// Cache by cache, each in the order of sizes.
    let results: [BatchResult]

    /// Parts of a step, as they are called in tables and in JSON.
    private static let parts: [(name: String, key: String, seconds: any KeyPath<StepTimes, Double> & Sendable)] = [
        ("linear", "linear", \.linear), ("attention", "attention", \.attention),
        ("other kernels", "other_kernels", \.otherKernels), ("bookkeeping", "cache_bookkeeping", \.bookkeeping),
        ("scheduler", "scheduler", \.scheduler), ("delivery", "delivery", \.delivery),
    ]

    /// Tokens per second over those of the first size in the same cache.
    private func gain(_ result: BatchResult) -> Double? {
        results.first { $0.mode == result.mode }.map { result.tokensPerSecond / $0.tokensPerSecond }
    }

    func text(readBandwidth: Double) -> String {
        let filled = workload.fill == .prefill ? "a computed prompt" : "synthetic keys and values"
        return "batches: copies of \(filled) of \(workload.context) tokens, \(workload.kvType.name) KV; "
            + "\(workload.rounds) × \(workload.generate) steps, in turn\n\n" + speeds(readBandwidth) + "\n" + shares
    }

    private func speeds(_ readBandwidth: Double) -> String {
        var table = TextTable([
            "speed", "seqs", "tok/s", "of \(workload.sequences[0])", "ms/step", "10 %", "90 %", "of ceiling", "kv live",
            "kv allocated",
        ])
        for result in results {
            table.add([
                result.mode.rawValue, "\(result.sequences)", Units.fixed(result.tokensPerSecond, 2),
                Units.ratio(gain(result)), Units.fixed(result.medianStepSeconds * 1e3, 3),
                Units.fixed(result.stepSeconds(quantile: 0.1) * 1e3, 3),
                Units.fixed(result.stepSeconds(quantile: 0.9) * 1e3, 3),
                Units.percent(result.fraction(of: readBandwidth)), Units.bytes(result.kvLiveBytes),
                Units.bytes(result.kvAllocatedBytes),
            ])
        }
        return table.text
    }

    private var shares: String {
        var table = TextTable(["share of steps", "seqs"] + Self.parts.map(\.name))
        for result in results {
            let shares = Self.parts.map { part in
                Units.fixed(result.times[keyPath: part.seconds] / result.times.total * 100, 2) + " %"
            }
            table.add([result.mode.rawValue, "\(result.sequences)"] + shares)
        }
        return table.text
    }

    func json(readBandwidth: Double) -> JSONObject {
        JSONObject([
            "context": .count(workload.context), "fill": .string(workload.fill.rawValue),
            "kv_dtype": .string(workload.kvType.name), "rounds": .count(workload.rounds),
            "steps_per_round": .count(workload.generate),
            "runs": .array(results.map { .object(run($0, readBandwidth)) }),
        ])
    }

    private func run(_ result: BatchResult, _ readBandwidth: Double) -> JSONObject {
        var shares = JSONObject()
        for part in Self.parts {
            shares[part.key] = .number(result.times[keyPath: part.seconds] / result.times.total)
        }
        return JSONObject([
            "mode": .string(result.mode.rawValue), "sequences": .count(result.sequences),
            "tokens_per_second": .number(result.tokensPerSecond), "tokens_per_second_ratio": .measure(gain(result)),
            "step_seconds_median": .number(result.medianStepSeconds),
            "step_seconds_p10": .number(result.stepSeconds(quantile: 0.1)),
            "step_seconds_p90": .number(result.stepSeconds(quantile: 0.9)),
            "fraction_of_read_bandwidth": .measure(result.fraction(of: readBandwidth)), "shares": .object(shares),
            "kv_live_bytes": .count(result.kvLiveBytes), "kv_allocated_bytes": .count(result.kvAllocatedBytes),
        ])
    }
}
