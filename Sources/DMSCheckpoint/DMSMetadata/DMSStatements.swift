import DMSJSON
import DMSPolicy

/// A value and where it was stated.
struct Stated<Value: Equatable> {
    let value: Value
    let origin: DMSOrigin
}

/// Everything that the files of a checkpoint state about DMS, each value checked and typed, before profiles and
/// overrides fill in the rest.
///
/// Statements are made one after the other. Repeating one is harmless, contradicting one is an error.
struct DMSStatements {
    private(set) var windowSize: Stated<Int>?
    private(set) var alphaScale: Stated<Float>?
    private(set) var alphaOffset: Stated<Float>?
    private(set) var targetRatio: Stated<Double>?
    private(set) var contextLength: Stated<Int>?
    private(set) var compressionMode: Stated<String>?
    private(set) var formatVersion: Stated<String>?
    private(set) var profile: Stated<SemanticsProfile>?
    private(set) var source: Stated<DecisionSource>?
    private(set) var channel: Stated<BorrowedChannel>?
    private(set) var decisionShift: Stated<Int>?
    private(set) var zeroing: Stated<ChannelZeroing>?
    private(set) var windowInclusive: Stated<Bool>?
    private(set) var baseModel: Stated<String>?
    private(set) var weightsSHA256: Stated<String>?
    private(set) var weightsBytes: Stated<Int>?
    private(set) var training: Stated<JSONObject>?
    private(set) var measured: Stated<JSONObject>?
    /// The first key that only NVIDIA's trainer writes.
    var nvidiaMarker: DMSOrigin?
    /// The first key that says anything about DMS.
    private(set) var firstKey: DMSOrigin?

    /// Reads one field.
    mutating func state(_ field: DMSField, _ entry: DMSEntry) throws(CheckpointError) {
        noteKey(entry)
        if entry.value.isNull, field.mayBeNull { return }
        switch field {
        case .windowSize: try state(\.windowSize, entry.windowSize(), entry)
        case .alphaScale: try state(\.alphaScale, entry.alphaScale(), entry)
        case .alphaOffset: try state(\.alphaOffset, entry.alphaOffset(), entry)
        case .targetRatio: try state(\.targetRatio, entry.number(atLeast: 1), entry)
        case .contextLength: try state(\.contextLength, entry.integer(in: 1...Int(Int32.max)), entry)
        case .compressionMode: try state(\.compressionMode, entry.string(), entry)
        case .formatVersion: try state(\.formatVersion, entry.formatVersion(), entry)
        case .profile: try state(\.profile, entry.profile(), entry)
        case .decisionSource: try state(\.source, entry.decisionSource(), entry)
        case .channel: try state(\.channel, entry.channel(), entry)
        case .decisionShift: try state(\.decisionShift, entry.integer(in: 0...1), entry)
        case .zeroChannel: try state(\.zeroing, entry.zeroing(), entry)
        case .windowInclusive: try state(\.windowInclusive, entry.bool(), entry)
        case .baseModel: try state(\.baseModel, entry.string(), entry)
        case .weightsSHA256: try state(\.weightsSHA256, entry.digest(), entry)
        case .weightsBytes: try state(\.weightsBytes, entry.integer(in: 1...Int.max), entry)
        case .training: try state(\.training, entry.object(), entry)
        case .measured: try state(\.measured, entry.object(), entry)
        }
    }

    /// Where the gate's value comes from, as NVIDIA's trainer says it: whether there are tensors for it.
    mutating func stateSeparateGate(_ entry: DMSEntry) throws(CheckpointError) {
        try state(\.source, entry.bool() ? .adapter : .borrowedQueryChannel, entry)
    }

    /// Remembers that a key was there, whatever it means.
    mutating func noteKey(_ entry: DMSEntry) {
        if firstKey == nil { firstKey = entry.origin }
    }

    private mutating func state<Value: Equatable>(
        _ path: WritableKeyPath<DMSStatements, Stated<Value>?>, _ value: Value, _ entry: DMSEntry
    ) throws(CheckpointError) {
        guard let earlier = self[keyPath: path] else {
            self[keyPath: path] = Stated(value: value, origin: entry.origin)
            return
        }
        guard earlier.value == value else {
            throw entry.fail(required: "\(Self.words(earlier.value)), as stated by \(earlier.origin)")
        }
    }

    private static func words<Value>(_ value: Value) -> String {
        switch value {
        case let object as JSONObject: CheckpointError.shown(.object(object))
        case let text as String: CheckpointError.shown(.string(text))
        default: "\(value)"
        }
    }

    /// Where each value was stated.
    var origins: [DMSField: DMSOrigin] {
        let all: [(DMSField, DMSOrigin?)] = [
            (.windowSize, windowSize?.origin), (.alphaScale, alphaScale?.origin), (.alphaOffset, alphaOffset?.origin),
            (.targetRatio, targetRatio?.origin), (.contextLength, contextLength?.origin),
            (.compressionMode, compressionMode?.origin), (.formatVersion, formatVersion?.origin),
            (.profile, profile?.origin), (.decisionSource, source?.origin), (.channel, channel?.origin),
            (.decisionShift, decisionShift?.origin), (.zeroChannel, zeroing?.origin),
            (.windowInclusive, windowInclusive?.origin), (.baseModel, baseModel?.origin),
            (.weightsSHA256, weightsSHA256?.origin), (.weightsBytes, weightsBytes?.origin),
            (.training, training?.origin), (.measured, measured?.origin),
        ]
        return Dictionary(uniqueKeysWithValues: all.compactMap { field, origin in origin.map { (field, $0) } })
    }
}
