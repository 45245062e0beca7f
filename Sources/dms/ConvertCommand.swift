import ArgumentParser
import DMSCheckpoint
import DMSJSON
import DMSPolicy

struct ConvertCommand: ModelUsing {
    static let configuration = CommandConfiguration(
        commandName: "convert",
        abstract: "State a checkpoint's eviction in another dialect.",
        discussion: """
            Writes a new folder that computes the same function, bit for bit, or says why there is none.

              dms convert --model DIR --output OUT --to nvidia           for NVIDIA's code
              dms convert --model DIR --output OUT --to fastdms          for FastDMS
              dms convert --model DIR --output OUT --gates adapter       borrowed channels become adapters

            Keys, files and the window's edge (w with it is w + 1 without) are restated. Who decides about a token, and \
            whether a channel is silenced behind the rotation, are parts of what was trained: from one to the other \
            nothing is exact. A borrowed channel becomes an adapter with the layer's own norm and the channel's rows, \
            which are 0 in the query projection then: plain Transformers, which knows no gates, computes what \
            --no-evict does.

            With --json: output, profile, decision_source, decision_shift, window_size and window_inclusive.
            """)

    @Option(help: HubOptions.help("The model"))
    var model: String

    @Option(help: ArgumentHelp("The folder to make.", valueName: "dir"))
    var output: String

    @Option(help: ArgumentHelp("fastdms or nvidia: the dialect to be read in.", valueName: "profile"))
    var to: String?

    @Option(help: ArgumentHelp("adapter: gates become tensors of their own.", valueName: "source"))
    var gates: DecisionSource?

    @OptionGroup var hub: HubOptions

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        if output.isEmpty { throw ValidationError("--output: found an empty path, required a new folder") }
        guard to != nil || gates != nil else {
            throw ValidationError("found neither --to nor --gates, required what to convert to")
        }
        if gates == .borrowedQueryChannel {
            throw ValidationError(
                "--gates: found \(DecisionSource.borrowedQueryChannel), required adapter: a query projection has no room "
                    + "for an adapter")
        }
        _ = try profile()
    }

    mutating func resolveModels(_ folder: (String) throws -> String) throws {
        model = try folder(model)
    }

    func run() throws {
        let conversion = try CheckpointConversion(path: model, profile: try profile(), adapters: gates == .adapter)
        try conversion.write(to: output)
        let (configuration, profile) = (conversion.metadata.configuration, conversion.metadata.profile)
        if json {
            try Console.write(
                JSONObject([
                    "output": .string(output), "profile": .string(profile.name),
                    "decision_source": .string(configuration.source.name),
                    "decision_shift": .count(configuration.decisionShift),
                    "window_size": .count(configuration.windowSize),
                    "window_inclusive": .bool(configuration.windowInclusive),
                ]))
        } else {
            try Console.write(
                "\(output): profile \(profile), decisions from \(configuration.source), window "
                    + "\(configuration.windowSize)\(configuration.windowInclusive ? "" : " without its edge")\n")
        }
    }

    private func profile() throws -> SemanticsProfile? {
        do { return try to.map { try SemanticsProfile(named: $0) } } catch {
            throw ValidationError("--to: \(error)")
        }
    }
}
