import DMSCheckpoint

/// Whether the weights are those that metadata were written for.
struct DigestCheck {
    let error: CheckpointError?
    let findings: [Finding]

    /// - Parameter digest: Of the weights; `nil` where they were not read.
    init(_ folder: ModelFolder, _ metadata: DMSMetadata?, _ weights: WeightFilesCheck, digest: WeightsDigest?) {
        guard let metadata, metadata.weightsSHA256 != nil || metadata.weightsBytes != nil, weights.errors.isEmpty else {
            (error, findings) = (nil, [])
            return
        }
        var byteCount = digest?.byteCount
        if byteCount == nil { byteCount = try? WeightsDigest.byteCount(inDirectory: folder.path) }
        error = metadata.mismatch(
            byteCount: byteCount ?? metadata.weightsBytes ?? 0, sha256: digest?.sha256, directory: folder.path)
        if let error {
            findings = [
                Finding(
                    error, .digest, in: folder.path,
                    advice: "the weights are others or damaged: fetch them again, or take the metadata of these weights"
                )
            ]
        } else if digest != nil, metadata.weightsSHA256 != nil {
            findings = [
                Finding(
                    .ok, .digest, file: DMSMetadata.fileName, found: "the weights are those that weights_sha256 names")
            ]
        } else {
            findings = []
        }
    }
}
