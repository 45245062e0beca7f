import DMSCheckpoint
import DMSJSON

/// Looks at everything in a model's folder and stops at nothing.
///
/// ```swift
/// let diagnosis = Checkup(path: "Llama-3.2-1B-DMS-8x").run()
/// for finding in diagnosis.findings where finding.severity == .problem { print(finding.found) }
/// ```
public struct Checkup: Sendable {
    private let path: String
    private let isQuick: Bool
    private let further: [FurtherCheck]

    /// - Parameters:
    ///   - path: The folder; it may be anything, or not be there.
    ///   - isQuick: Whether the weights are left unread: no digest, no search for values that are no numbers, no look at
    ///     gates.
    ///   - further: Checks of others, made when all files have been read.
    public init(path: String, isQuick: Bool = false, further: [FurtherCheck] = []) {
        self.path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        self.isQuick = isQuick
        self.further = further
    }

    /// Makes all checks.
    ///
    /// - Parameter progress: Bytes of weights that were read, of how many.
    public func run(progress: (Int, Int) -> Void = { _, _ in }) -> Diagnosis {
        do throws(CheckpointError) {
            try ModelDirectory.requireDirectory(path)
        } catch {
            let finding = Finding(error, .folder, in: path, advice: "name the folder that has config.json")
            let verdicts = EngineVerdict.Engine.allCases.map { EngineVerdict($0, .refuses, "there is no folder") }
            return Diagnosis(path: path, isQuick: isQuick, findings: [finding], verdicts: verdicts)
        }
        let folder = ModelFolder(path: path)
        let configuration = ConfigurationCheck(folder)
        let shape = configuration.givesShapes ? configuration.configuration : nil
        let generation = GenerationCheck(folder, configuration)
        let tokenizer = TokenizerCheck(folder, shape, generation.generation)
        let weights = WeightFilesCheck(folder)
        let metadata = MetadataCheck(folder, configuration.object, shape)
        let tensors = TensorsCheck(folder, shape, weights, hasAdapters: metadata.statesAdapters)
        let values = isQuick ? ValuesCheck(unread: ()) : ValuesCheck(folder, weights, progress: progress)
        let digest = DigestCheck(folder, metadata.metadata, weights, digest: values.digest)
        let gates =
            shape.flatMap { shape in
                isQuick || !metadata.errors.isEmpty ? nil : GatesCheck(shape, metadata.metadata, weights)
            } ?? GatesCheck(unread: ())
        let examination = Examination(
            folder: folder, configuration: configuration, generation: generation, tokenizer: tokenizer,
            weights: weights,
            tensors: tensors, values: values, metadata: metadata, digest: digest, gates: gates)
        let subject = FurtherCheck.Subject(
            folder: folder, tokenizer: tokenizer.tokenizer, endOfTextIDs: generation.generation?.endOfTextIDs ?? [],
            tokenizerConfiguration: tokenizer.companion)
        let findings =
            configuration.findings + generation.findings + tokenizer.findings + weights.findings + tensors.findings
            + values.findings + metadata.findings + digest.findings + gates.findings + FolderCheck(folder).findings
            + further.flatMap { $0.run(subject) }
        return Diagnosis(
            path: path, isQuick: isQuick, findings: findings,
            verdicts: [
                OwnVerdict.of(examination), TransformersVerdict.of(examination), FastDMSVerdict.of(examination),
            ])
    }
}
