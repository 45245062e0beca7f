import DMSCheckpoint
import DMSJSON

extension TrainingCurves {
    /// Where a model's folder has the log of its training: the step log of a run, else the published `training_log.json`;
    /// `nil` where it has none.
    public static func log(inModelDirectory path: String) -> String? {
        let folder = RunFolder(path)
        return [folder.steps, folder.log].first(where: Directory.isFile)
    }

    /// Reads a step log (one JSON object a line) or a published `training_log.json`.
    ///
    /// - Throws: ``TrainingError`` or `CheckpointError` naming the file, for one that is neither or has no steps.
    public init(logFile path: String) throws {
        let bytes = try MappedFile.contents(ofPath: path, limit: 1 << 30)
        // A step log is no JSON value as a whole, unless it has one line.
        if let object = (try? JSONReader.parse(bytes))?.objectValue, let log = object["log"] {
            try self.init(published: log, file: path)
            return
        }
        let records = try StepLog.records(String(decoding: bytes, as: UTF8.self), file: path)
        guard !records.isEmpty else { throw TrainingError(path, found: "no steps", required: "one or more") }
        self.init(records)
    }

    private init(published log: JSONValue, file: String) throws {
        guard let entries = log.arrayValue, !entries.isEmpty else {
            throw TrainingError("\(file): log", found: "no steps", required: "an array of one or more")
        }
        let steps = try entries.map { entry in
            guard let object = entry.objectValue, let phase = object["phase"]?.doubleValue,
                let known = TrainingPhase(rawValue: Int(exactly: phase) ?? -1),
                let loss = (object["kd_loss"] ?? object["loss"])?.doubleValue
            else {
                throw TrainingError(
                    "\(file): log", found: entry.text(), required: "objects with phase 0, 1 or 2 and a loss")
            }
            let isGating = known == .gating
            return Step(
                phase: known, loss: loss, softRate: isGating ? object["actual_eviction_rate"]?.doubleValue : 0,
                hardRate: nil, targetRate: isGating ? object["target_eviction_rate"]?.doubleValue : 0)
        }
        let isPretraining = steps.first?.phase == .pretraining
        // The published log does not say whether it is a mean over tokens or a sum over a sequence.
        self.init(steps, lossName: isPretraining ? "Cross-entropy, as logged" : "KL(teacher ‖ student), as logged")
    }
}
