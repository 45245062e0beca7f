import DMSCheckpoint

/// Where a run keeps its files: the finished model in the folder itself, everything else under `training/`.
public struct RunFolder: Sendable, Hashable {
    /// The folder.
    public let path: String

    /// A folder that may not exist yet.
    public init(_ path: String) { self.path = path }

    /// The saved run, while it is unfinished.
    public var state: String { path + "/training/state.safetensors" }
    /// One line a step.
    public var steps: String { path + "/training/steps.jsonl" }
    /// The same as a picture.
    public var curves: String { path + "/training/curves.svg" }
    /// The published log, when the run has ended.
    public var log: String { path + "/training_log.json" }
    /// The finished model's configuration, which is written last.
    public var config: String { path + "/config.json" }

    /// The checkpoint that is written when a whole ratio is reached.
    public func checkpoint(ratio: Int) -> String { path + "/training/cr\(ratio)" }

    /// Whether a run has ended here.
    public var isFinished: Bool { Directory.isFile(config) }
    /// Whether a run can go on here.
    public var hasState: Bool { Directory.isFile(state) }

    /// Checks that a run may begin, or go on, here, and makes the folder.
    ///
    /// - Throws: ``TrainingError`` saying what is in the way.
    public func require(resuming: Bool) throws {
        if isFinished {
            throw TrainingError(
                path, found: "a finished model",
                required: "another --output: a finished run is not lengthened, and nothing is overwritten")
        }
        let names = SystemCalls.names(inDirectory: path) ?? []
        // A run that ended before its first save has left nothing to go on from: it begins again.
        let isRun = hasState || names.allSatisfy { $0 == "training" }
        // So ends a command whose model, text or options were wrong.
        let isUntouched = names == ["training"] && SystemCalls.names(inDirectory: path + "/training") == []
        if resuming {
            guard isRun else {
                throw TrainingError(
                    path, found: "a folder without a saved state", required: "an interrupted run, or a new folder")
            }
        } else if !names.isEmpty, !isUntouched {
            throw TrainingError(
                path, found: isRun ? "an unfinished run" : "a folder that is not empty",
                required: isRun ? "--resume to go on with it, or another --output" : "a new or empty folder")
        }
        try Directory.make(path + "/training")
    }
}
