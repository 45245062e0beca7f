public import DMSJSON
import DMSPolicy

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

extension DMSMetadata {
    /// The longest `dms_metadata.json` that is read, in bytes.
    static let maximumFileLength = 16 << 20

    /// Reads what the files of a model directory state.
    ///
    /// - Parameters:
    ///   - directory: The model directory.
    ///   - config: The object of its `config.json` (``LlamaConfiguration/raw``).
    ///   - overrides: Values to be used in place of those in the files.
    /// - Returns: `nil` for a plain model: no `dms_metadata.json`, no `dms_` keys, no overrides.
    /// - Throws: ``CheckpointError`` naming file and key for anything missing, unknown, malformed or contradictory.
    public static func read(
        directory: String, config: JSONObject, overrides: DMSOverrides = DMSOverrides()
    ) throws(CheckpointError) -> DMSMetadata? {
        try resolve(
            metadata: object(in: directory), metadataFile: directory + "/" + fileName, config: config,
            configFile: directory + "/config.json", overrides: overrides)
    }

    /// The object of a directory's `dms_metadata.json`, unread; `nil` without the file.
    package static func object(in directory: String) throws(CheckpointError) -> JSONObject? {
        let file = directory + "/" + fileName
        guard isPresent(file) else { return nil }
        let text = try MappedFile.contents(ofPath: file, limit: maximumFileLength)
        return try ConfigurationReader.object(parsing: text, file: file)
    }

    /// The same for objects that were read already; the file names are for messages.
    package static func resolve(
        metadata: JSONObject?, metadataFile: String, config: JSONObject, configFile: String,
        overrides: DMSOverrides = DMSOverrides()
    ) throws(CheckpointError) -> DMSMetadata? {
        var statements = DMSStatements()
        if let metadata { try statements.read(metadata: metadata, file: metadataFile) }
        try statements.read(config: config, file: configFile)
        if metadata == nil, statements.firstKey == nil, overrides.isEmpty { return nil }
        let missing = MissingValues(
            file: metadata == nil ? configFile : metadataFile, isConfig: metadata == nil,
            evidence: statements.firstKey)
        var resolution = Resolution(statements: statements, overrides: overrides)
        return try resolution.metadata(missing: missing)
    }

    /// What statements amount to; whoever reads it asked for DMS.
    ///
    /// - Parameter file: The one that errors name where none states a value.
    static func resolve(_ statements: DMSStatements, file: String) throws(CheckpointError) -> DMSMetadata {
        var resolution = Resolution(statements: statements, overrides: DMSOverrides())
        return try resolution.metadata(
            missing: MissingValues(file: file, isConfig: false, evidence: statements.firstKey))
    }

    /// Whether there is anything of that name, links to nowhere included: those are an error and not a plain model.
    private static func isPresent(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 || (errno != ENOENT && errno != ENOTDIR)
    }
}

/// How to complain about a number that must be stated and is not.
private struct MissingValues {
    let file: String
    let isConfig: Bool
    let evidence: DMSOrigin?

    func error(_ field: DMSField) -> CheckpointError {
        let because =
            evidence.map { "it is a DMS checkpoint by \($0)" } ?? (isConfig ? "DMS was asked for" : "the file is there")
        return CheckpointError(
            file: file, .key(isConfig ? field.configKey : field.rawValue), found: "no such key",
            required: "a value (\(because)), because none is ever assumed")
    }
}

/// Statements, overrides and profile, in the order in which they count.
private struct Resolution {
    let statements: DMSStatements
    let overrides: DMSOverrides
    let profile: Stated<SemanticsProfile>
    var origins: [DMSField: DMSOrigin]

    init(statements: DMSStatements, overrides: DMSOverrides) {
        self.statements = statements
        self.overrides = overrides
        if let asked = overrides.profile {
            profile = Stated(value: asked, origin: .override)
        } else if let stated = statements.profile {
            profile = stated
        } else if let marker = statements.nvidiaMarker {
            profile = Stated(value: .nvidia, origin: marker)
        } else {
            profile = Stated(value: .fastdms, origin: .convention)
        }
        origins = statements.origins
        origins[.profile] = profile.origin
    }

    mutating func metadata(missing: MissingValues) throws(CheckpointError) -> DMSMetadata {
        let windowSize = pick(.windowSize, overrides.windowSize, statements.windowSize)
        let alphaScale = pick(.alphaScale, overrides.alphaScale, statements.alphaScale)
        let alphaOffset = pick(.alphaOffset, overrides.alphaOffset, statements.alphaOffset)
        guard let windowSize else { throw missing.error(.windowSize) }
        guard let alphaScale else { throw missing.error(.alphaScale) }
        guard let alphaOffset else { throw missing.error(.alphaOffset) }
        let semantics = profile.value
        let source =
            pick(.decisionSource, overrides.source, statements.source) ?? fromProfile(.decisionSource, semantics.source)
        // An adapter borrows no channel, so no profile's zeroing applies to it.
        let usual = source == .adapter ? ChannelZeroing.none : semantics.zeroing
        let zeroing = pickSemantic(.zeroChannel, overrides.zeroing, statements.zeroing, usual)
        let channel = pickSemantic(.channel, overrides.channel, statements.channel, semantics.channel)
        let shift = pickSemantic(
            .decisionShift, overrides.decisionShift, statements.decisionShift, semantics.decisionShift)
        let inclusive = pickSemantic(
            .windowInclusive, overrides.windowInclusive, statements.windowInclusive, semantics.windowInclusive)
        do throws(PolicyError) {
            let configuration = try DMSConfiguration(
                source: source, channel: channel, decisionShift: shift, zeroing: zeroing, windowSize: windowSize,
                windowInclusive: inclusive, alphaScale: alphaScale, alphaOffset: alphaOffset)
            return DMSMetadata(
                configuration: configuration, profile: semantics, statements: statements, origins: origins)
        } catch {
            throw CheckpointError(error, origins: origins, file: missing.file)
        }
    }

    private mutating func pick<Value>(_ field: DMSField, _ override: Value?, _ stated: Stated<Value>?) -> Value? {
        guard let override else { return stated?.value }
        origins[field] = .override
        return override
    }

    private mutating func fromProfile<Value>(_ field: DMSField, _ value: Value) -> Value {
        origins[field] = .profile(profile.value.name)
        return value
    }

    /// A field that an overriding profile replaces.
    private mutating func pickSemantic<Value>(
        _ field: DMSField, _ override: Value?, _ stated: Stated<Value>?, _ usual: Value
    ) -> Value {
        pick(field, override, overrides.profile == nil ? stated : nil) ?? fromProfile(field, usual)
    }
}

extension DMSMetadata {
    /// Requires a gate channel inside a head, where one is borrowed.
    package func requireRunnable(headDimension: Int, directory: String) throws(CheckpointError) {
        do throws(PolicyError) {
            guard configuration.source == .borrowedQueryChannel else { return }
            _ = try configuration.channel.resolved(headDimension: headDimension)
        } catch {
            throw CheckpointError(error, origins: origins, file: directory + "/" + Self.fileName)
        }
    }
}

extension CheckpointError {
    /// A value, or a combination of values, that policy refuses, put where its main field was stated.
    fileprivate init(_ error: PolicyError, origins: [DMSField: DMSOrigin], file: String) {
        let origin = DMSField(rawValue: error.field).flatMap { origins[$0] }
        if case .file(let stated, let key) = origin {
            self.init(file: stated, .key(key), found: error.found, required: error.required)
        } else {
            let note = origin.map { " (\($0))" } ?? ""
            self.init(file: file, .key(error.field), found: error.found + note, required: error.required)
        }
    }
}
