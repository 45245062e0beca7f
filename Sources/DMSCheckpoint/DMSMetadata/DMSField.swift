/// The fields of DMS metadata, by their keys in `dms_metadata.json`.
///
/// In a `config.json` the same fields carry the prefix `dms_`; two have names of their own there, `dms_cr` and
/// `dms_initial_alpha_offset`.
public enum DMSField: String, Sendable, Hashable, CaseIterable, CustomStringConvertible {
    case windowSize = "window_size"
    case alphaScale = "alpha_scale"
    case alphaOffset = "alpha_offset"
    case targetRatio = "target_cr"
    case contextLength = "context_len"
    case compressionMode = "compression_mode"
    case formatVersion = "format_version"
    case profile = "profile"
    case decisionSource = "decision_source"
    case channel = "channel"
    case decisionShift = "decision_shift"
    case zeroChannel = "zero_channel"
    case windowInclusive = "window_inclusive"
    case baseModel = "base_model"
    case weightsSHA256 = "weights_sha256"
    case weightsBytes = "weights_bytes"
    case training = "training"
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
