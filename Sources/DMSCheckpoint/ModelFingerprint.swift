import DMSJSON

/// Which model something was computed with: the content of its weights and of its configuration.
public struct ModelFingerprint: Sendable, Hashable {
    /// As ``WeightsDigest`` defines it.
    public let weightsSHA256: String
    /// Of the configuration's JSON text, keys in their own order, without white space.
    public let configurationSHA256: String

    /// For models that do not come from files: any two texts that are different for different models.
    public init(weightsSHA256: String, configurationSHA256: String) {
        self.weightsSHA256 = weightsSHA256
        self.configurationSHA256 = configurationSHA256
    }

    /// Reads all weights, unless metadata state a digest, which was compared when they were read.
    ///
    /// - Parameter metadata: What ``ModelDirectory/dmsMetadata(overrides:)`` gave for this directory.
    /// - Throws: ``CheckpointError`` for a file that cannot be read.
    public init(_ directory: ModelDirectory, metadata: DMSMetadata?) throws(CheckpointError) {
        if let verified = metadata?.weightsSHA256 {
            weightsSHA256 = verified
        } else {
            weightsSHA256 = try WeightsDigest(directory: directory.path).sha256
        }
        configurationSHA256 = SHA256.hexDigest(of: JSONValue.object(directory.configuration.raw).text())
    }
}
