import ArgumentParser
import DMSEngine

/// Guessing ahead, for verbs that continue texts.
struct SpeculationOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Guess so many tokens ahead from what was there before; 0 for none. The result is the same.",
            valueName: "tokens"))
    var speculate = 0

    static let explanation = """
        --speculate N looks the last tokens up in the prompt and the continuation, runs what followed them, N tokens at \
        most, in one pass with the token that is due, and keeps what would have been chosen anyway: the tokens are the \
        same, in fewer passes with more rows each. It is off unless asked for, and good for texts that repeat \
        themselves or their prompt, such as edited code or quotations.
        """

    func validate() throws {
        let range = 0...SpeculationParameters.largestDraft
        guard range.contains(speculate) else {
            throw ValidationError(
                "--speculate: found \(speculate), required \(range.lowerBound) to \(range.upperBound)")
        }
    }

    /// - Parameter maximumStreams: Continuations at a time up to which it is worth its rows.
    func parameters(maximumStreams: Int) throws -> SpeculationParameters? {
        speculate == 0
            ? nil : try SpeculationParameters(maximumDraft: speculate, maximumStreams: maximumStreams)
    }
}
