import DMSEngine
import DMSJSON
import DMSTensor

/// What `dms bench` prints.
struct BenchReport {
    let plan: BenchPlan
    var ceilings: MachineCeilings
    var results: [BenchmarkResult] = []
    var batches: [BenchBatches] = []
    var products: BenchProducts?

    /// The arithmetic that the precision uses.
    private var arithmetic: Double { ceilings.allThreads.operations(plan.precision) }

    /// Of most linear layers: integers in BF16 precision are widened to floats.
    private var productArithmetic: Double {
        guard case .grouped = plan.weights, plan.precision == .bf16 else { return arithmetic }
        return ceilings.allThreads.fp32Operations
    }

    private var isMachineMeasured: Bool { ceilings.allThreads.readBandwidth > 0 }

    private var machine: String {
        if !isMachineMeasured { return "" }
        var machine = TextTable(["ceilings", "1 thread", "\(ceilings.threads) threads"])
        let rates: [(String, KeyPath<MachineCeilings.Rates, Double>, String)] = [
            ("read bandwidth", \.readBandwidth, "GB/s"), ("FP32 arithmetic", \.fp32Operations, "GFLOP/s"),
            ("BF16 arithmetic", \.bf16Operations, "GFLOP/s"), ("INT8 arithmetic", \.int8Operations, "GOP/s"),
        ]
        for (name, rate, unit) in rates {
            machine.add([
                name, "\(Units.fixed(ceilings.oneThread[keyPath: rate] / 1e9, 1)) \(unit)",
                "\(Units.fixed(ceilings.allThreads[keyPath: rate] / 1e9, 1)) \(unit)",
            ])
        }
        return machine.text + "\n"
    }

    var text: String {
        let title =
            "\(plan.name): \(plan.weights.name) weights\(plan.weights.groupSize.map { " in groups of \($0)" } ?? ""), \(Units.bytes(plan.weightBytes)) read per step, "
            + "\(plan.precision.rawValue) arithmetic, \(plan.backend)\n\n"
        if let products {
            let table = products.text(arithmetic: productArithmetic, readBandwidth: ceilings.allThreads.readBandwidth)
            return title + machine + table
        }
        if !batches.isEmpty {
            let tables = batches.map { $0.text(readBandwidth: ceilings.allThreads.readBandwidth) }
            return title + machine + tables.joined(separator: "\n")
        }
        return title + machine + speeds + "\n" + memory
    }

    private var speeds: String {
        var table = TextTable([
            "speed", "context", "seqs", "kv", "prefill tok/s", "of ceiling", "without attn", "attn s", "decode tok/s",
            "of ceiling", "attn ms/step", "bookkeeping ms/step",
        ])
        for result in results {
            let workload = result.workload
            let steps = Double(workload.generate)
            table.add([
                workload.mode.rawValue, "\(workload.context)", "\(workload.concurrency)", workload.kvType.name,
                Units.fixed(result.prefillTokensPerSecond, 1), Units.percent(result.prefillFraction(of: arithmetic)),
                Units.percent(result.prefillLinearFraction(of: arithmetic)),
                Units.fixed(result.prefillAttentionSeconds, 2), Units.fixed(result.decodeTokensPerSecond, 2),
                Units.percent(result.decodeFraction(of: ceilings.allThreads.readBandwidth)),
                Units.fixed(result.decodeAttentionSeconds / steps * 1e3, 3),
                Units.fixed(result.decodeBookkeepingSeconds / steps * 1e3, 3),
            ])
        }
        return table.text
    }

    private var memory: String {
        var table = TextTable([
            "memory", "context", "seqs", "kv", "live", "allocated", "dense", "live ratio", "byte ratio",
            "resident growth", "peak resident",
        ])
        for result in results {
            let workload = result.workload
            let dense = Double(result.kvDenseBytes)
            table.add([
                workload.mode.rawValue, "\(workload.context)", "\(workload.concurrency)", workload.kvType.name,
                Units.bytes(result.kvLiveBytes), Units.bytes(result.kvAllocatedBytes),
                Units.bytes(result.kvDenseBytes),
                Units.ratio(result.kvLiveBytes > 0 ? dense / Double(result.kvLiveBytes) : nil),
                Units.ratio(result.kvAllocatedBytes > 0 ? dense / Double(result.kvAllocatedBytes) : nil),
                result.residentGrowthBytes.map { Units.bytes(max(0, $0)) } ?? "-",
                result.peakResidentBytes.map { Units.bytes($0) } ?? "-",
            ])
        }
        return table.text
    }

    var json: JSONObject {
        var object = JSONObject([
            "model": .string(plan.name), "backend": .string(plan.backend), "threads": .count(plan.threads),
            "precision": .string(plan.precision.rawValue), "weight_bytes_per_step": .count(plan.weightBytes),
            "weight_layout": .string((plan.weights.isInPanels ? WeightLayout.panels : .rows).rawValue),
            "ceilings": isMachineMeasured ? .object(ceilingsJSON) : .null,
            "runs": .array(results.map { .object(run($0)) }),
        ])
        if let products {
            object["products"] = .array(
                products.json(arithmetic: productArithmetic, readBandwidth: ceilings.allThreads.readBandwidth))
        }
        if !batches.isEmpty {
            object["batches"] = .array(
                batches.map { .object($0.json(readBandwidth: ceilings.allThreads.readBandwidth)) })
        }
        return object
    }

    private var ceilingsJSON: JSONObject {
        let all = ceilings.allThreads
        let one = ceilings.oneThread
        return JSONObject([
            "read_bandwidth_gb_s": .number(all.readBandwidth / 1e9), "fp32_gflop_s": .number(all.fp32Operations / 1e9),
            "bf16_gflop_s": .number(all.bf16Operations / 1e9), "int8_gop_s": .number(all.int8Operations / 1e9),
            "read_bandwidth_gb_s_one_thread": .number(one.readBandwidth / 1e9),
            "fp32_gflop_s_one_thread": .number(one.fp32Operations / 1e9),
            "bf16_gflop_s_one_thread": .number(one.bf16Operations / 1e9),
            "int8_gop_s_one_thread": .number(one.int8Operations / 1e9),
        ])
    }

    private func run(_ result: BenchmarkResult) -> JSONObject {
        let workload = result.workload
        let steps = Double(workload.generate)
        return JSONObject([
            "mode": .string(workload.mode.rawValue), "context": .count(workload.context),
            "generate": .count(workload.generate), "concurrency": .count(workload.concurrency),
            "kv_dtype": .string(workload.kvType.name), "weights": .string(plan.weights.name),
            "weight_group_size": .count(plan.weights.groupSize),
            "prefill_tokens_per_second": .number(result.prefillTokensPerSecond),
            "decode_tokens_per_second": .number(result.decodeTokensPerSecond),
            "prefill_fraction_of_ceiling": .measure(result.prefillFraction(of: arithmetic)),
            "prefill_linear_fraction_of_ceiling": .measure(result.prefillLinearFraction(of: arithmetic)),
            "decode_fraction_of_ceiling": .measure(result.decodeFraction(of: ceilings.allThreads.readBandwidth)),
            "prefill_seconds": .number(result.prefillSeconds),
            "prefill_attention_seconds": .number(result.prefillAttentionSeconds),
            "prefill_cache_bookkeeping_seconds": .number(result.prefillBookkeepingSeconds),
            "decode_seconds_per_step": .number(result.decodeSeconds / steps),
            "decode_attention_seconds_per_step": .number(result.decodeAttentionSeconds / steps),
            "cache_bookkeeping_seconds_per_step": .number(result.decodeBookkeepingSeconds / steps),
            "kv_live_bytes": .count(result.kvLiveBytes), "kv_allocated_bytes": .count(result.kvAllocatedBytes),
            "kv_dense_bytes": .count(result.kvDenseBytes),
            "resident_growth_bytes": .count(result.residentGrowthBytes),
            "peak_resident_bytes": .count(result.peakResidentBytes),
        ])
    }
}
