public import ArgumentParser
import DMSCheckpoint
import DMSJSON
public import DMSPolicy

/// The options of `dms inspect` that are about verifying a folder.
struct InspectVerifyOptions: ParsableArguments {
    @Flag(
        help:
            "Check every file, key, tensor and number, find everything that is wrong, and say what engines will make of it."
    )
    var verify = false

    @Flag(help: "Leave the weights unread: no digests, no search for values that are no numbers, no look at gates.")
    var quick = false

    @Flag(help: "Write into dms_metadata.json what is missing there, and nothing else; then verify.")
    var fixMetadata = false

    @Option(help: "fastdms or nvidia: how the gates were trained; for --fix-metadata, where no file says it.")
    var profile: SemanticsProfile?

    @Option(help: ArgumentHelp("For --fix-metadata, where no file says it.", valueName: "tokens"))
    var windowSize: Int?

    @Option(help: ArgumentHelp("For --fix-metadata, where no file says it.", valueName: "number"))
    var alphaScale: Double?

    @Option(help: ArgumentHelp("For --fix-metadata, where no file says it.", valueName: "number"))
    var alphaOffset: Double?

    @Option(help: ArgumentHelp("The ratio that training aimed at; for --fix-metadata.", valueName: "ratio"))
    var targetRatio: Double?

    @Option(help: ArgumentHelp("The tokens of a text in training; for --fix-metadata.", valueName: "tokens"))
    var trainedContext: Int?

    /// What is said about fields of the metadata.
    var values: [DMSField: JSONValue] {
        var values: [DMSField: JSONValue] = [:]
        values[.profile] = profile.map { .string($0.name) }
        values[.windowSize] = windowSize.map { .count($0) }
        values[.alphaScale] = alphaScale.map { .number($0) }
        values[.alphaOffset] = alphaOffset.map { .number($0) }
        values[.targetRatio] = targetRatio.map { .number($0) }
        values[.contextLength] = trainedContext.map { .count($0) }
        return values
    }

    /// The option that says something about a field.
    static func name(of field: DMSField) -> String {
        switch field {
        case .targetRatio: "--target-ratio"
        case .contextLength: "--trained-context"
        default: "--" + field.rawValue.replacing("_", with: "-")
        }
    }

    /// - Parameters:
    ///   - folder: A folder without an option before it.
    ///   - model: That of `--model`.
    ///   - output: That of a report.
    func validate(folder: String?, model: String?, output: String?) throws {
        let named = DMSField.allCases.filter { values[$0] != nil }.map { (Self.name(of: $0), true) }
        for (name, isGiven) in [("--quick", quick), ("--fix-metadata", fixMetadata)] + named where isGiven && !verify {
            throw ValidationError("\(name) is for --verify: give that, too")
        }
        if let folder, !verify {
            throw ValidationError("found '\(folder)', required --model before it, or --verify")
        }
        guard verify else { return }
        if folder != nil, model != nil { throw ValidationError("--verify takes a folder or --model, not both") }
        if output != nil { throw ValidationError("--verify and --output exclude each other") }
        if fixMetadata, quick {
            throw ValidationError("--fix-metadata and --quick exclude each other: the digest is of all weights")
        }
        if fixMetadata, folder == nil, model == nil { throw ValidationError("--fix-metadata needs a folder") }
        if let (name, _) = named.first, !fixMetadata { throw ValidationError("\(name) is for --fix-metadata") }
        try validateNumbers()
    }

    private func validateNumbers() throws {
        if let windowSize, !(0...RetentionRule.largestWindow).contains(windowSize) {
            throw ValidationError("--window-size: found \(windowSize), required 0 to \(RetentionRule.largestWindow)")
        }
        if let alphaScale, !(Float(alphaScale).isFinite && Float(alphaScale) > 0) {
            throw ValidationError("--alpha-scale: found \(alphaScale), required a finite number above 0")
        }
        if let alphaOffset, !Float(alphaOffset).isFinite {
            throw ValidationError("--alpha-offset: found \(alphaOffset), required a finite number")
        }
        if let targetRatio, !(targetRatio.isFinite && targetRatio >= 1) {
            throw ValidationError("--target-ratio: found \(targetRatio), required a finite number, 1 or more")
        }
        if let trainedContext, !(1...Int(Int32.max)).contains(trainedContext) {
            throw ValidationError("--trained-context: found \(trainedContext), required 1 to \(Int32.max)")
        }
    }
}

extension SemanticsProfile: ExpressibleByArgument {
    public init?(argument: String) { try? self.init(named: argument) }
    public static var allValueStrings: [String] { all.map(\.name) }
}
