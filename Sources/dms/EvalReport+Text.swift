import DMSCheckpoint
import DMSEngine
import DMSEvaluation
import DMSPolicy
import DMSTensor

extension EvalReport {
    var text: String {
        var out = heading + "\n" + table
        if let difference {
            out += """

                compact and strict paths: log-probabilities differ by at most \
                \(Self.scientific(difference.largestLogProbabilityDifference)) nats.

                """
        }
        if evaluation.options.kvTypes.count > 1 { out += "\n" + kvTable }
        return out + "\n" + explanation
    }

    private var heading: String {
        let zeroing = setup.loaded.dms.map {
            ", window \($0.configuration.rule.window), zero_channel \($0.configuration.zeroing.name)"
        }
        return """
            model   \(setup.modelPath)\(setup.loaded.dms == nil ? " (no eviction metadata)" : "")\
            \(command.base.map { "\nbase    \($0)" } ?? "")
            corpus  \(command.corpus ?? ""): \(found.result.chunkCount) chunks of \(found.result.chunkLength) tokens, \
            \(found.result.chunkCount * (found.result.chunkLength - 1)) scored\(command.noBos ? ", no BOS" : "")
            run     \(setup.backend), precision \(command.compute.precision.rawValue), KV \
            \(evaluation.options.kvTypes[0].name)\(zeroing ?? "")

            """
    }

    private var table: String {
        var table = TextTable([
            "", "perplexity", "vs base", "KLD", "max KL", "top-1", "evicted", "decision", "live", "live end",
            "live peak", "bytes",
        ])
        for role in found.roles {
            guard let name = name(role), let subject = found[role] else { continue }
            let divergence = found.divergence(from: reference, to: role)
            let ratios = subject.ratios
            table.add([
                name, Self.number(subject.perplexity.value, 4),
                found.perplexityDelta(role).map { role == .base ? "-" : Self.signedPercent($0) } ?? "-",
                Self.number(divergence?.meanKL, 6), Self.number(divergence?.largestKL, 4),
                Self.percent(divergence?.top1Agreement),
                // A window keeps everything or nothing by age alone; a decision ratio of it would be read as memory saved.
                role == .slidingWindow ? "-" : Self.percent(subject.evictionRate),
                role == .slidingWindow ? "-" : Units.ratio(ratios.decisionRatio), Units.ratio(ratios.meanLiveRatio),
                Units.ratio(ratios.finalLiveRatio), Units.ratio(ratios.peakLiveRatio), Units.ratio(ratios.byteRatio),
            ])
        }
        return table.text
    }

    /// What distances are measured from: the base, or else the same weights without eviction where those were run.
    private var reference: SubjectRole { found[.base] == nil ? evaluation.noEvictRole : .base }

    /// What a row of the main table is called; `nil` for those that belong to the KV table alone.
    private func name(_ role: SubjectRole) -> String? {
        switch role {
        case .base: return "base"
        case main:
            let path = found[main]?.path ?? ""
            return isEvicting ? "model, evicting (\(path))" : "model, not evicting (\(path))"
        case otherRole: return "the same (strict)"
        case evaluation.noEvictRole where found.controls != nil: return "control: no eviction"
        case .slidingWindow:
            return found.controls.map {
                "control: window \($0.slidingWindow.rule.window) + \($0.slidingWindow.sinks) sinks"
            }
        case .randomGate: return found.controls.map { "control: random gate \(Units.fixed($0.random.rate, 3))" }
        default: return nil
        }
    }

    private var isEvicting: Bool {
        if case .model(_, _, let evicts) = main { evicts } else { false }
    }

    private var kvTable: String {
        var table = TextTable(["KV dtype", "bytes/token, dense", "perplexity", "KLD vs fp32 KV", "max KL", "top-1"])
        let exact = evaluation.kvRole(.float32, evicts: evaluation.options.evicts)
        for type in evaluation.options.kvTypes {
            let role = evaluation.kvRole(type, evicts: evaluation.options.evicts)
            let divergence = found.divergence(from: exact, to: role)
            table.add([
                type.name, "\(footprint(type))", Self.number(found[role]?.perplexity.value, 4),
                role == exact ? "0" : Self.number(divergence?.meanKL, 6),
                role == exact ? "0" : Self.number(divergence?.largestKL, 4),
                role == exact ? "100.00 %" : Self.percent(divergence?.top1Agreement),
            ])
        }
        if let divergence = evictionDivergence {
            table.add([
                "eviction itself, fp32 KV, vs no eviction", "", "", Self.number(divergence.meanKL, 6),
                Self.number(divergence.largestKL, 4),
                Self.percent(divergence.top1Agreement),
            ])
        }
        return table.text
    }

    private var explanation: String {
        var lines: [String] = []
        if found[.base] != nil {
            lines.append(
                "KLD, max KL: KL(base || row) in nats per scored token. top-1: same most likely token as base.")
        } else {
            lines.append("No --base: how far the model is from the one it was made of is not measured.")
            if found.controls != nil {
                lines.append(
                    "KLD, max KL: KL(no eviction || row) in nats per scored token. top-1: same most likely token as "
                        + "without eviction.")
            }
        }
        lines += [
            "evicted: share of the gates' decisions. Three ratios, never to be multiplied:",
            "  decision  1 / (1 - evicted), what the gates asked for; says nothing about memory",
            "  live      tokens seen / tokens stored, summed over all steps; at the end of a chunk; at the peak",
            "  bytes     dense cache of the same dtype / allocated, at the ends of the chunks; compact path only",
        ]
        return lines.joined(separator: "\n") + "\n"
    }

    static func number(_ value: Double?, _ decimals: Int) -> String {
        value.map { Units.fixed($0, decimals) } ?? "-"
    }

    static func percent(_ fraction: Double?) -> String {
        fraction.map { "\(Units.fixed($0 * 100, 2)) %" } ?? "-"
    }

    static func signedPercent(_ fraction: Double) -> String {
        (fraction < 0 ? "" : "+") + "\(Units.fixed(fraction * 100, 2)) %"
    }

    /// `3.1e-06`, for differences that would be 0 with a fixed number of decimals.
    static func scientific(_ value: Double) -> String {
        guard value.isFinite, value > 0 else { return "\(value == 0 ? "0" : "\(value)")" }
        var mantissa = value
        var exponent = 0
        while mantissa < 1 {
            mantissa *= 10
            exponent -= 1
        }
        while mantissa >= 10 {
            mantissa /= 10
            exponent += 1
        }
        return "\(Units.fixed(mantissa, 1))e\(exponent)"
    }
}
