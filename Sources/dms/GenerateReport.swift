import DMSCache
import DMSEngine
import DMSJSON
import DMSPolicy
import DMSTensor

/// What `dms generate` says about a continuation.
struct GenerateReport {
    let text: String
    let tokens: [Int32]
    let promptTokens: Int
    /// What became of the conversation's file, where there is one.
    let session: JSONObject?
    /// What guessing was good for, where it was asked for.
    let speculation: JSONObject?
    let finishReason: FinishReason?
    let loadSeconds: Double
    let firstTokenSeconds: Double?
    let timings: GenerationTimings
    let kvType: ScalarType
    let kv: CacheReport

    /// What the gates asked for; without gates, or with eviction off, nothing.
    private var decisionRatio: Double? { kv.tally.decisions == 0 ? 1 : kv.ratios.decisionRatio }

    var json: JSONObject {
        var object = results
        if let session { object["session"] = .object(session) }
        if let speculation { object["speculation"] = .object(speculation) }
        return object
    }

    static func speculation(of generator: borrowing TextGenerator) -> JSONObject {
        let counts = generator.speculationCounts
        return JSONObject([
            "proposed_tokens": .count(counts.proposedTokens), "accepted_tokens": .count(counts.acceptedTokens),
            "decode_passes": .count(generator.decodePasses),
        ])
    }

    private var results: JSONObject {
        JSONObject([
            "text": .string(text), "token_ids": .ids(tokens), "prompt_tokens": .count(promptTokens),
            "finish_reason": .text(finishReason?.rawValue),
            "timings": .object(
                JSONObject([
                    "load_seconds": .number(loadSeconds),
                    "prefill_tokens_per_second": .measure(timings.prefillTokensPerSecond),
                    "decode_tokens_per_second": .measure(timings.decodeTokensPerSecond),
                    "time_to_first_token_seconds": .measure(firstTokenSeconds),
                ])),
            "kv": .object(
                JSONObject([
                    "dtype": .string(kvType.name), "dense_bytes": .count(kv.denseBytes),
                    "allocated_bytes": .count(kv.allocatedBytes), "live_bytes": .count(kv.liveBytes),
                    "peak_bytes": .count(kv.peakAllocatedBytes), "live_ratio": .measure(kv.ratios.finalLiveRatio),
                    "byte_ratio": .measure(kv.ratios.byteRatio), "decision_ratio": .measure(decisionRatio),
                ])),
        ])
    }

    /// One line for people.
    var summary: String {
        func speed(_ value: Double?) -> String { value.map { "\(Units.fixed($0, 1)) tok/s" } ?? "-" }
        // Memory comes in pages: a text that fills few says nothing about what eviction saves.
        let bytes =
            kv.allocatedBytes > kv.denseBytes + kv.denseBytes / 4
            ? "too short a text to fill its pages" : "bytes \(Units.ratio(kv.ratios.byteRatio))"
        return """
            dms: \(promptTokens) + \(tokens.count) tokens (\(finishReason?.rawValue ?? "-")), prefill \
            \(speed(timings.prefillTokensPerSecond)), decode \(speed(timings.decodeTokensPerSecond)); \(kvType.name) \
            cache \(Units.bytes(kv.allocatedBytes)) allocated, \(Units.bytes(kv.denseBytes)) dense \
            (\(bytes), live tokens \(Units.ratio(kv.ratios.finalLiveRatio)), \
            decisions \(Units.ratio(decisionRatio)))
            """
    }
}
