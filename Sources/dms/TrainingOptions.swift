public import ArgumentParser
public import DMSTraining

/// What `dms retrofit` and `dms pretrain` have in common.
struct TrainingOptions: ParsableArguments {
    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp("Texts to train on: .txt, or .jsonl with {\"text\": …} per line.", valueName: "file"))
    var corpus: [String]

    @Option(help: ArgumentHelp("A new folder for the trained model.", valueName: "dir"))
    var output: String

    @Option(help: ArgumentHelp("Sequences in a forward pass.", valueName: "count"))
    var batchSize = 1

    @Option(help: ArgumentHelp("What the order of the text and all noise follow from.", valueName: "number"))
    var seed: UInt64 = 1

    @Flag(help: "Go on with an interrupted run in --output.")
    var resume = false

    @Option(help: ArgumentHelp("Steps between two saved states.", valueName: "steps"))
    var saveEvery = 50

    @Option(help: ArgumentHelp("Steps over which the learning rate rises.", valueName: "steps"))
    var warmupSteps = 0

    @Option(
        help: ArgumentHelp(
            "Memory for activations that need not be computed twice, such as 512MiB or 4GiB; changes no result.",
            valueName: "size"))
    var activationMemory = ByteCount(bytes: 2 << 30)

    func validate() throws {
        for (name, value) in [("batch-size", batchSize), ("save-every", saveEvery)] where !(1...1 << 20).contains(value)
        {
            throw ValidationError("--\(name): found \(value), required 1 to 1048576")
        }
        if output.isEmpty { throw ValidationError("--output: found an empty path, required a new folder") }
        if corpus.isEmpty { throw ValidationError("--corpus: found no file, required at least one") }
        if !(0...1 << 30).contains(warmupSteps) {
            throw ValidationError("--warmup-steps: found \(warmupSteps), required 0 or more")
        }
    }

    /// Turns an error about a value into one about an option, with the exit status of options.
    static func validated<T>(_ make: () throws -> T) throws -> T {
        do { return try make() } catch let error as TrainingError { throw ValidationError(error.description) }
    }
}

extension LearningRate.Shape: ExpressibleByArgument {}
extension CompressionLoss: ExpressibleByArgument {}
extension Recipe.Trainable: ExpressibleByArgument {}
extension Recipe.Reduction: ExpressibleByArgument {}

/// A number of bytes as people write it.
struct ByteCount: ExpressibleByArgument {
    let bytes: Int

    init(bytes: Int) { self.bytes = bytes }

    init?(argument: String) {
        let units = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("B", 1), ("", 1)]
        for (suffix, unit) in units where argument.hasSuffix(suffix) {
            guard let number = Int(argument.dropLast(suffix.count)), number >= 0 else { return nil }
            let (bytes, overflow) = number.multipliedReportingOverflow(by: unit)
            if overflow { return nil }
            self.bytes = bytes
            return
        }
        return nil
    }

    var defaultValueDescription: String { bytes % (1 << 30) == 0 ? "\(bytes >> 30)GiB" : "\(bytes >> 20)MiB" }
}
