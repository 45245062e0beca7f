/// The fields of DMS metadata, by their keys in `dms_metadata.json`.
///
/// In a `config.json` the same fields carry the prefix `dms_`; two have names of their own there, `dms_cr` and
/// `dms_initial_alpha_offset`.
public enum DMSField: String, Sendable, Hashable, CaseIterable, CustomStringConvertible {
    /// An evicted token lives on for so many tokens.
    case windowSize = "window_size"
    /// What a raw value is multiplied by.
    case alphaScale = "alpha_scale"
    /// What is then subtracted.
    case alphaOffset = "alpha_offset"
    /// The decision ratio that training aimed at.
    case targetRatio = "target_cr"
    /// The context length of training.
    case contextLength = "context_len"
    /// Carried along, never interpreted.
    case compressionMode = "compression_mode"
    /// The format of the file.
    case formatVersion = "format_version"
    /// The reading of what is not stated.
    case profile = "profile"
    /// Where the logit comes from.
    case decisionSource = "decision_source"
    /// Which channel is borrowed.
    case channel = "channel"
    /// How many tokens later a token is decided about.
    case decisionShift = "decision_shift"
    /// When the borrowed channel is silenced.
    case zeroChannel = "zero_channel"
    /// Whether the window's edge belongs to it.
    case windowInclusive = "window_inclusive"
    /// Where the weights come from, in words.
    case baseModel = "base_model"
    /// The digest of the weights.
    case weightsSHA256 = "weights_sha256"
    /// Their length.
    case weightsBytes = "weights_bytes"
    /// How the gates were trained.
    case training = "training"
    /// What was measured.
    case measured = "measured"

    public var description: String { rawValue }

    /// The key in a `config.json`.
    var configKey: String { "dms_" + rawValue }

    /// Whether `null` says the same as leaving the field out: in those that nothing is computed from, where writers use
    /// it for "not known".
    var mayBeNull: Bool {
        switch self {
        case .targetRatio, .contextLength, .compressionMode, .baseModel, .weightsSHA256, .weightsBytes, .training,
            .measured:
            true
        default: false
        }
    }

    /// Whether the field may stand in a `config.json`, where a copy of the file travels with other weights.
    var isAllowedInConfig: Bool {
        switch self {
        case .formatVersion, .baseModel, .weightsSHA256, .weightsBytes, .training, .measured: false
        default: true
        }
    }
}

/// Where the value of a field comes from.
public enum DMSOrigin: Sendable, Hashable, CustomStringConvertible {
    /// A key of a file.
    case file(String, key: String)
    /// The named profile, because no file states the field.
    case profile(String)
    /// What somebody asked for in place of what the files state, such as a command line option.
    case override
    /// The documented reading of files that name no profile.
    case convention

    public var description: String {
        switch self {
        case .file(let path, let key): "\(path), key \(CheckpointError.Subject.quoted(key))"
        case .profile(let name): "profile \(name)"
        case .override: "override"
        case .convention: "no profile named, read as the published files"
        }
    }
}
