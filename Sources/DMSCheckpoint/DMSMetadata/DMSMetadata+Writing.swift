public import DMSJSON
import DMSPolicy

extension DMSMetadata {
    /// The object of a `dms_metadata.json`: the published keys first and unchanged, so that other runtimes read it, then
    /// the fields that they leave unsaid.
    public var json: JSONObject {
        var object = JSONObject()
        object[.windowSize] = .integer(Int64(configuration.windowSize))
        object[.alphaScale] = .number(Self.widened(configuration.alphaScale))
        object[.alphaOffset] = .number(Self.widened(configuration.alphaOffset))
        object[.targetRatio] = targetRatio.map(Self.integral)
        object[.contextLength] = contextLength.map { .integer(Int64($0)) }
        object[.compressionMode] = compressionMode.map { .string($0) }
        object[.formatVersion] = .string(Self.formatVersion)
        for (field, value) in semanticEntries { object[field] = value }
        object[.baseModel] = baseModel.map { .string($0) }
        object[.weightsSHA256] = weightsSHA256.map { .string($0) }
        object[.weightsBytes] = weightsBytes.map { .integer(Int64($0)) }
        object[.training] = training.map { .object($0) }
        object[.measured] = measured.map { .object($0) }
        return object
    }

    /// The entries that a `config.json` beside it carries, to be merged into that file's object.
    public func configKeys() -> JSONObject {
        var object = JSONObject()
        object[DMSField.windowSize.configKey] = .integer(Int64(configuration.windowSize))
        object[DMSField.alphaScale.configKey] = .number(Self.widened(configuration.alphaScale))
        object[DMSField.alphaOffset.configKey] = .number(Self.widened(configuration.alphaOffset))
        object["dms_cr"] = targetRatio.map(Self.integral)
        for (field, value) in semanticEntries { object[field.configKey] = value }
        if profile == .nvidia {
            // As its own code spells them; without these it assumes a borrowed channel and an offset of 5.
            object["dms_initial_alpha_offset"] = object[DMSField.alphaOffset.configKey]
            object["dms_separate_alpha"] = .bool(configuration.source == .adapter)
            object["dms_alpha_per"] = .string("head")
        }
        return object
    }

    /// Writes `dms_metadata.json` into a model directory, replacing one that is there as a whole or not at all.
    ///
    /// - Throws: ``CheckpointError`` when it cannot be written.
    public func write(toDirectory directory: String) throws(CheckpointError) {
        let text = JSONValue.object(json).text(indent: 2) + "\n"
        try AtomicFile.write(Array(text.utf8), to: directory + "/" + Self.fileName)
    }

    private var semanticEntries: [(DMSField, JSONValue)] {
        let channel: JSONValue = configuration.channel.index.map { .integer(Int64($0)) } ?? .string("last")
        return [
            (.profile, .string(profile.name)),
            (.decisionSource, .string(configuration.source.name)),
            (.channel, channel),
            (.decisionShift, .integer(Int64(configuration.decisionShift))),
            (.zeroChannel, .string(configuration.zeroing.name)),
            (.windowInclusive, .bool(configuration.windowInclusive)),
        ]
    }

    /// The shortest decimal that reads back as the same 32-bit number: 0.1 and not 0.10000000149011612.
    private static func widened(_ value: Float) -> Double { Double("\(value)") ?? Double(value) }

    /// Without a fraction where there is none: published files write `8`.
    private static func integral(_ value: Double) -> JSONValue {
        Int64(exactly: value).map { .integer($0) } ?? .number(value)
    }
}

extension JSONObject {
    fileprivate subscript(field: DMSField) -> JSONValue? {
        get { self[field.rawValue] }
        set { self[field.rawValue] = newValue }
    }
}
