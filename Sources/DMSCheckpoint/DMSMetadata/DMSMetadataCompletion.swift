public import DMSJSON
import DMSPolicy

/// A `dms_metadata.json` with what it lacked: from the other files, from the weights, and from a person who knows.
///
/// What is stated stays as it stands. Asking for another value than a stated one is an error
/// that names both. `config.json` is left alone: one file can be replaced at once, two cannot.
public struct DMSMetadataCompletion: Sendable {
    /// One entry that was not there.
    public struct Addition: Sendable, Equatable {
        /// The key, with `config.` before it where the file keeps its fields in there.
        public let key: String
        /// What is written.
        public let value: JSONValue
        /// Where the value is from, in words.
        public let origin: String
    }

    /// The path of the file.
    public let file: String
    /// What is added, in the order of the file; empty when nothing is missing.
    public let additions: [Addition]
    /// The whole object.
    public let object: JSONObject

    /// Finds out what is missing.
    ///
    /// All weights are read, for their digest.
    ///
    /// - Parameters:
    ///   - directory: Whose weights are those of its configuration.
    ///   - values: What somebody says, by field; the profile must be among it or stated already.
    ///   - optionName: What messages call what somebody says about a field.
    /// - Throws: ``CheckpointError`` for what is contradictory, unknown or still missing, and for weights that are not those
    ///   of the configuration or of a stated digest.
    public init(
        directory: ModelDirectory, values: [DMSField: JSONValue], optionName: (DMSField) -> String
    ) throws(CheckpointError) {
        let file = directory.path + "/" + DMSMetadata.fileName
        self.file = file
        let existing = try DMSMetadata.object(in: directory.path) ?? JSONObject()
        var statements = DMSStatements()
        try statements.read(metadata: existing, file: file)
        let stated = Set(statements.origins.keys)
        try statements.read(config: directory.configuration.raw, file: directory.path + "/config.json")
        try Self.add(values, to: &statements, optionName: optionName)
        guard statements.profile != nil || statements.nvidiaMarker != nil else {
            throw CheckpointError(
                file: file, .key(DMSField.profile.rawValue), found: "no such key",
                required: "a profile, which only somebody who knows how the gates were trained can name")
        }
        let metadata = try DMSMetadata.resolve(statements, file: file)
        try directory.validateWeights(hasAdapters: metadata.configuration.source == .adapter)
        try metadata.requireRunnable(headDimension: directory.configuration.headDimension, directory: directory.path)
        let digest = try WeightsDigest(directory: directory.path)
        let mismatch = metadata.mismatch(
            byteCount: digest.byteCount, sha256: digest.sha256, directory: directory.path)
        if let mismatch { throw mismatch }
        let whole = DMSMetadata(
            configuration: metadata.configuration, profile: metadata.profile, targetRatio: metadata.targetRatio,
            contextLength: metadata.contextLength, compressionMode: metadata.compressionMode,
            baseModel: metadata.baseModel, weights: digest)
        let nested = existing["config"]?.objectValue
        var object = existing
        var inner = nested
        var additions: [Addition] = []
        for (key, value) in whole.json.entries {
            guard let field = DMSField(rawValue: key), !stated.contains(field) else { continue }
            // Who keeps the published fields in an object of their own looks for them nowhere else.
            let isInner = nested != nil && Self.published.contains(field)
            if isInner { inner?[key] = value } else { object[key] = value }
            let origin = metadata.origins[field].map { "\($0)" } ?? Self.source(of: field)
            additions.append(Addition(key: isInner ? "config.\(key)" : key, value: value, origin: origin))
        }
        if let inner { object["config"] = .object(inner) }
        self.additions = additions
        self.object = object
    }

    /// Replaces the file as a whole; writes nothing when nothing is missing.
    ///
    /// - Throws: ``CheckpointError`` when it cannot be written; the file is then as it was.
    public func write() throws(CheckpointError) {
        if additions.isEmpty { return }
        try AtomicFile.write(Array((JSONValue.object(object).text(indent: 2) + "\n").utf8), to: file)
    }

    private static let published: Set<DMSField> = [
        .windowSize, .alphaScale, .alphaOffset, .targetRatio, .contextLength, .compressionMode,
    ]

    private static func source(of field: DMSField) -> String {
        field == .weightsSHA256 || field == .weightsBytes ? "the weights" : "the format"
    }

    private static func add(
        _ values: [DMSField: JSONValue], to statements: inout DMSStatements, optionName: (DMSField) -> String
    ) throws(CheckpointError) {
        for field in DMSField.allCases {
            guard let value = values[field] else { continue }
            let entry = DMSEntry(file: "command line", key: optionName(field), value: value)
            let isStatedProfile = statements.profile != nil
            try statements.state(field, entry)
            // The marker is how a file of that trainer names its profile.
            if field == .profile, !isStatedProfile, let marker = statements.nvidiaMarker,
                statements.profile?.value != .nvidia
            {
                throw entry.fail(required: "\"nvidia\", as stated by \(marker)")
            }
        }
    }
}
