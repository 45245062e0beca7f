extension ModelDirectory {
    /// The DMS metadata of this model, checked against its weights, its shape, and what can be run.
    ///
    /// This is what everything that runs a checkpoint calls. Metadata of other weights is refused here: where it states
    /// a digest, all weights are read and compared; see ``DMSMetadata/verifyWeights(in:)``.
    ///
    /// To look at metadata that may not be runnable, use ``DMSMetadata/read(directory:config:overrides:)``.
    ///
    /// - Parameter overrides: Values to be used in place of those in the files.
    /// - Returns: `nil` for a plain model.
    /// - Throws: ``CheckpointError`` naming file and key.
    public func dmsMetadata(overrides: DMSOverrides = DMSOverrides()) throws(CheckpointError) -> DMSMetadata? {
        guard
            let metadata = try DMSMetadata.read(directory: path, config: configuration.raw, overrides: overrides)
        else { return nil }
        try metadata.requireRunnable(headDimension: configuration.headDimension, directory: path)
        try metadata.verifyWeights(in: path)
        return metadata
    }
}
