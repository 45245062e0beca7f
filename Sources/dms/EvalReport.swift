import DMSCheckpoint
import DMSEngine
import DMSEvaluation
import DMSJSON
import DMSPolicy
import DMSTensor

/// What `dms eval --task wikitext` says.
struct EvalReport {
    let command: EvalCommand
    let setup: EvalSetup
    let evaluation: ModelEvaluation
    let found: ModelEvaluationReport

    var main: SubjectRole { evaluation.mainRole }
    private var result: SubjectResult? { found[main] }

    /// The model on the other path, where both were run.
    private var other: SubjectRole? {
        guard evaluation.options.paths.count > 1 else { return nil }
        return found.roles.first { role in
            guard case .model(let path, let type, _) = role, case .model(let own, let ownType, _) = main else {
                return false
            }
            return path != own && type == ownType
        }
    }

    var json: JSONObject {
        let scored = found.result.chunkCount * (found.result.chunkLength - 1)
        var object = JSONObject([
            "model": .string(setup.modelPath), "base": .text(command.base), "corpus": .text(command.corpus),
            "task": .string(command.task.rawValue), "path": .text(result?.path), "evicts": .bool(evicts),
            "precision": .string(command.compute.precision.rawValue), "kv_dtype": .text(result?.kvType.name),
            "zero_channel": .text(setup.loaded.dms?.configuration.zeroing.name),
            "window": .count(setup.loaded.dms?.configuration.rule.window), "bos": .bool(!command.noBos),
            "chunk_length": .count(found.result.chunkLength), "chunks": .count(found.result.chunkCount),
            "tokens_scored": .count(scored),
        ])
        for (key, value) in figures(main).entries { object[key] = value }
        object["base_perplexity"] = .measure(found[.base]?.perplexity.value)
        object["base_nll_sum"] = .measure(found[.base]?.perplexity.nllSum)
        object["paths"] = paths
        object["controls"] = controls
        object["kv_dtypes"] = kvTypes
        object["eviction"] = evictionItself
        return object
    }

    private var evicts: Bool {
        if case .model(_, _, let evicts) = main { evicts } else { false }
    }

    /// The figures of one subject; keys are the same for all.
    private func figures(_ role: SubjectRole) -> JSONObject {
        let subject = found[role]
        let divergence = found.divergence(from: .base, to: role)
        let ratios = subject?.ratios
        return JSONObject([
            "perplexity": .measure(subject?.perplexity.value), "nll_sum": .measure(subject?.perplexity.nllSum),
            "perplexity_delta": .measure(found.perplexityDelta(role)), "kld": .measure(divergence?.meanKL),
            "max_kld": .measure(divergence?.largestKL), "top1_agreement": .measure(divergence?.top1Agreement),
            "eviction_rate": .measure(subject?.evictionRate), "decision_ratio": .measure(ratios?.decisionRatio),
            "live_ratio": .measure(ratios?.meanLiveRatio), "live_ratio_end": .measure(ratios?.finalLiveRatio),
            "live_ratio_peak": .measure(ratios?.peakLiveRatio), "byte_ratio": .measure(ratios?.byteRatio),
        ])
    }

    private var paths: JSONValue {
        guard let other else { return .null }
        let difference = found.divergence(from: main, to: other)
        return .object(
            JSONObject([
                "compact": .object(figures(main)), "strict": .object(figures(other)),
                "max_logprob_difference": .measure(difference?.largestLogProbabilityDifference),
                "kld": .measure(difference?.meanKL), "max_kld": .measure(difference?.largestKL),
            ]))
    }

    private var controls: JSONValue {
        guard let chosen = found.controls else { return .null }
        func entry(_ role: SubjectRole, _ extra: KeyValuePairs<String, JSONValue>) -> JSONValue {
            var object = figures(role)
            object["kld_vs_no_evict"] = .measure(found.divergence(from: evaluation.noEvictRole, to: role)?.meanKL)
            for (key, value) in extra { object[key] = value }
            return .object(object)
        }
        return .object(
            JSONObject([
                "base": found[.base] == nil ? .null : entry(.base, [:]),
                "no_evict": entry(evaluation.noEvictRole, [:]), "dms": entry(main, [:]),
                "sliding_window": entry(
                    .slidingWindow,
                    [
                        "sinks": .count(chosen.slidingWindow.sinks), "window": .count(chosen.slidingWindow.rule.window),
                    ]),
                "random": entry(
                    .randomGate,
                    [
                        "rate": .number(chosen.random.rate), "window": .count(chosen.rule.window),
                        "seed": .seed(chosen.random.seed),
                    ]),
            ]))
    }

    private var kvTypes: JSONValue {
        guard evaluation.options.kvTypes.count > 1 else { return .null }
        let exact = evaluation.kvRole(.float32, evicts: evaluation.options.evicts)
        return .array(
            evaluation.options.kvTypes.map { type in
                let role = evaluation.kvRole(type, evicts: evaluation.options.evicts)
                let own = exact == role ? nil : found.divergence(from: exact, to: role)
                return .object(
                    JSONObject([
                        "kv_dtype": .string(type.name), "perplexity": .measure(found[role]?.perplexity.value),
                        "kld_vs_fp32": exact == role ? .number(0) : .measure(own?.meanKL),
                        "max_kld_vs_fp32": exact == role ? .number(0) : .measure(own?.largestKL),
                        "top1_agreement_vs_fp32": exact == role ? .number(1) : .measure(own?.top1Agreement),
                        "dense_bytes_per_token": .count(footprint(type)),
                    ]))
            })
    }

    func footprint(_ type: ScalarType) -> Int {
        KVFootprint(setup.loaded.directory.configuration, type: type).bytesPerToken
    }

    /// What eviction alone costs, with FP32 keys and values; where KV types are compared.
    private var evictionItself: JSONValue {
        guard let divergence = evictionDivergence else { return .null }
        return .object(
            JSONObject([
                "kld_vs_no_evict": .measure(divergence.meanKL), "max_kld_vs_no_evict": .measure(divergence.largestKL),
                "top1_agreement_vs_no_evict": .measure(divergence.top1Agreement),
            ]))
    }

    var evictionDivergence: Divergence? {
        guard evaluation.options.kvTypes.count > 1 else { return nil }
        return found.divergence(
            from: evaluation.kvRole(.float32, evicts: false),
            to: evaluation.kvRole(.float32, evicts: evaluation.options.evicts))
    }

    var difference: Divergence? { other.flatMap { found.divergence(from: main, to: $0) } }
    var otherRole: SubjectRole? { other }
}

extension JSONValue {
    /// A seed as a number; beyond what JSON readers hold exactly, as its digits.
    static func seed(_ seed: UInt64) -> JSONValue {
        seed < 1 << 53 ? .integer(Int64(seed)) : .string(String(seed))
    }
}
