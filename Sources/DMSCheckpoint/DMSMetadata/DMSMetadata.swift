public import DMSJSON
public import DMSPolicy

/// What a checkpoint states about its Dynamic Memory Sparsification.
///
/// Read by ``read(directory:config:overrides:)`` from `dms_metadata.json` and from the `dms_` keys of `config.json`,
/// written by ``write(toDirectory:)``. The published six-field file is understood, and what is written keeps its keys.
public struct DMSMetadata: Sendable, Equatable {
    /// The file beside the weights.
    public static let fileName = "dms_metadata.json"
    /// The format that is written; files of another major version are refused.
    public static let formatVersion = "1.0"
    static let formatMajor = 1

    /// Decision, visibility and zeroing: everything that changes what the model computes.
    public let configuration: DMSConfiguration
    /// The profile that supplied the semantic fields which no file states.
    public let profile: SemanticsProfile
    /// The decision ratio that training aimed at, at least 1; nothing is computed from it.
    public let targetRatio: Double?
    /// The context length of training, in tokens, far beyond which a gate is not to be trusted.
    public let contextLength: Int?
    /// What the published format calls `compression_mode`; carried along and never interpreted.
    public let compressionMode: String?
    /// Where the weights come from, in words.
    public let baseModel: String?
    /// The digest of the weights these statements belong to, as ``WeightsDigest`` defines it.
    public let weightsSHA256: String?
    /// The length of those weights' files, in bytes.
    public let weightsBytes: Int?
    /// How the gates were trained.
    public let training: JSONObject?
    /// What was measured on these weights.
    public let measured: JSONObject?
    /// Where each value was found; empty for metadata that was not read from files.
    public let origins: [DMSField: DMSOrigin]

    /// Metadata to be written.
    public init(
        configuration: DMSConfiguration, profile: SemanticsProfile, targetRatio: Double? = nil,
        contextLength: Int? = nil, compressionMode: String? = nil, baseModel: String? = nil,
        weights: WeightsDigest? = nil, training: JSONObject? = nil, measured: JSONObject? = nil
    ) {
        self.configuration = configuration
        self.profile = profile
        self.targetRatio = targetRatio
        self.contextLength = contextLength
        self.compressionMode = compressionMode
        self.baseModel = baseModel
        weightsSHA256 = weights?.sha256
        weightsBytes = weights?.byteCount
        self.training = training
        self.measured = measured
        origins = [:]
    }

    init(
        configuration: DMSConfiguration, profile: SemanticsProfile, statements: DMSStatements,
        origins: [DMSField: DMSOrigin]
    ) {
        self.configuration = configuration
        self.profile = profile
        targetRatio = statements.targetRatio?.value
        contextLength = statements.contextLength?.value
        compressionMode = statements.compressionMode?.value
        baseModel = statements.baseModel?.value
        weightsSHA256 = statements.weightsSHA256?.value
        weightsBytes = statements.weightsBytes?.value
        training = statements.training?.value
        measured = statements.measured?.value
        self.origins = origins
    }
}
