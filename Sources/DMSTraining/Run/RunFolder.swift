/// Where a run keeps its files: the finished model in the folder itself, everything else under `training/`.
public struct RunFolder: Sendable, Hashable {
    public let path: String

    public init(_ path: String) { self.path = path }

    public var state: String { path + "/training/state.safetensors" }
    public var steps: String { path + "/training/steps.jsonl" }
    public var curves: String { path + "/training/curves.svg" }
    public var log: String { path + "/training_log.json" }
    public var config: String { path + "/config.json" }

    /// The checkpoint that is written when a whole ratio is reached.
    public func checkpoint(ratio: Int) -> String { path + "/training/cr\(ratio)" }

    /// Whether a run has ended here.
    public var isFinished: Bool { Directory.isFile(config) }
    /// Whether a run can go on here.
    public var hasState: Bool { Directory.isFile(state) }

    /// Checks that a run may begin, or go on, here.
    ///
    /// - Throws: ``TrainingError`` saying what is in the way.
    public func require(resuming: Bool) throws {
        if isFinished {
            throw TrainingError(
                path, found: "a finished model", required: "another --output, or that the folder be removed")
        }
        if resuming {
            guard hasState else {
                throw TrainingError(
                    state, found: "no saved state", required: "a run that was interrupted after its first save")
            }
        } else if Directory.exists(path), !Directory.isEmpty(path) {
            throw TrainingError(
                path, found: hasState ? "an unfinished run" : "a folder that is not empty",
                required: hasState ? "--resume to go on with it, or another --output" : "a new or empty folder")
        }
        try Directory.make(path + "/training")
    }
}
