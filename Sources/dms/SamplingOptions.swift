import ArgumentParser
import DMSEngine

/// How the next token is chosen; what is not given comes from the checkpoint.
struct SamplingOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Divides the logits; 0 is greedy.", valueName: "number"))
    var temperature: Double?

    @Option(help: ArgumentHelp("Keep the k best tokens; 0 keeps all.", valueName: "k"))
    var topK: Int?

    @Option(help: ArgumentHelp("Keep the smallest set of tokens this probable, 0 to 1; 1 keeps all.", valueName: "p"))
    var topP: Double?

    @Option(help: ArgumentHelp("Keep tokens this likely relative to the best, 0 to 1; 0 keeps all.", valueName: "p"))
    var minP: Double?

    @Option(
        help: ArgumentHelp(
            "Make tokens seen before less likely (above 1) or more (below 1); 1 is off.", valueName: "number"))
    var repetitionPenalty: Double?

    @Option(help: ArgumentHelp("The same seed gives the same text.", valueName: "number"))
    var seed: UInt64 = 0

    static let explanation = """
        Sampling: options that are not given come from generation_config.json where that says do_sample; else \
        decoding is greedy. A filter (--top-k, --top-p, --min-p) without --temperature then means temperature 1. What \
        generation_config.json does not name is off: there is no implied top-k. Filters apply in the order penalty, \
        temperature, top-k, top-p, min-p, and never change what greedy decoding chooses.
        """

    func validate() throws {
        // The checkpoint's defaults are not known yet; each value given must be good by itself.
        _ = try resolved(.none)
    }

    /// Defaults of a checkpoint.
    struct Defaults {
        var samples = false
        var temperature: Double?
        var topK: Int?
        var topP: Double?
        var minP: Double?
        var repetitionPenalty: Double?

        static let none = Defaults()
    }

    /// The parameters, given the checkpoint's defaults.
    func resolved(_ defaults: Defaults) throws -> SamplingParameters {
        let hasFilter = topK != nil || topP != nil || minP != nil
        let sampled = defaults.samples ? defaults : .none
        let fallback: Double = defaults.samples || hasFilter ? 1 : 0
        let topK = topK ?? sampled.topK ?? 0
        do {
            return try SamplingParameters(
                temperature: temperature ?? sampled.temperature ?? fallback, topK: topK == 0 ? nil : topK,
                topP: topP ?? sampled.topP ?? 1, minP: minP ?? sampled.minP ?? 0,
                repetitionPenalty: repetitionPenalty ?? defaults.repetitionPenalty ?? 1, seed: seed)
        } catch {
            throw ValidationError(Self.message(error))
        }
    }

    private static func message(_ error: ParameterError) -> String {
        let flags = [
            "temperature": "--temperature", "topK": "--top-k", "topP": "--top-p", "minP": "--min-p",
            "repetitionPenalty": "--repetition-penalty",
        ]
        return "\(flags[error.field] ?? error.field): found \(error.found), required \(error.required)"
    }
}
