package import DMSJSON

/// What every copy of a checkpoint consists of beside its weights.
extension StagingFolder {
    /// Writes an index of shards.
    ///
    /// - Parameter map: Each tensor with the file that holds it.
    package func writeIndex(_ map: [(name: String, file: String)]) throws(CheckpointError) {
        var names = JSONObject()
        for entry in map.sorted(by: { $0.name < $1.name }) { names[entry.name] = .string(entry.file) }
        try write(
            JSONObject(["metadata": .object(JSONObject()), "weight_map": .object(names)]),
            to: CheckpointTensors.indexName)
    }

    /// Writes a file of JSON.
    package func write(_ object: JSONObject, to name: String) throws(CheckpointError) {
        try AtomicFile.write(Array((JSONValue.object(object).text(indent: 2) + "\n").utf8), to: path + "/" + name)
    }

    /// Reads the checkpoint back, requires that it is whole, and gives the folder its name.
    ///
    /// - Returns: What was read; its files have moved with the folder.
    package func finishCheckpoint() throws(CheckpointError) -> ModelDirectory {
        let written = try ModelDirectory.open(path: path)
        try written.validateWeights()
        _ = try written.dmsMetadata()
        try finish()
        return written
    }
}

extension ModelDirectory {
    /// Copies those of the ``companions`` that there are.
    package static func copyCompanions(from source: String, to destination: String) throws(CheckpointError) {
        for name in companions where MappedFile.exists(path: source + "/" + name) {
            try AtomicFile.write(
                try MappedFile.contents(ofPath: source + "/" + name, limit: 1 << 30), to: destination + "/" + name)
        }
    }

    /// Whether an index says which file holds which tensor.
    package var isSharded: Bool { WeightsDigest.isSharded(path) }
}

extension DMSMetadata {
    /// The same for other weights.
    ///
    /// - Parameter measured: What was measured on them.
    package func stating(_ weights: WeightsDigest, measured: JSONObject?) -> DMSMetadata {
        DMSMetadata(
            configuration: configuration, profile: profile, targetRatio: targetRatio, contextLength: contextLength,
            compressionMode: compressionMode, baseModel: baseModel, weights: weights, training: training,
            measured: measured)
    }
}
