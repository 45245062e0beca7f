import DMSJSON

extension RopeParameters {
    /// Reads both spellings: `rope_theta` with `rope_scaling`, and `rope_parameters` which holds everything.
    init(_ reader: ConfigurationReader) throws(CheckpointError) {
        let classic = try reader.nested("rope_scaling")
        let new = try reader.nested("rope_parameters")
        var theta: Double?
        for source in [reader, classic, new] {
            guard let source, let value = try Self.theta(source) else { continue }
            if let theta, theta != value {
                throw source.fail("rope_theta", found: "\(value), and \(theta) elsewhere", required: "one value")
            }
            theta = value
        }
        let classicScaling = try classic.map { reader throws(CheckpointError) in try RopeScaling(reader) }
        // The new object may hold the base alone; then it says nothing about scaling.
        var newScaling: RopeScaling?
        if let new, new.object.keys.contains(where: { $0 != "rope_theta" && new.value($0) != nil }) {
            newScaling = try RopeScaling(new)
        }
        if let classicScaling, let newScaling, classicScaling != newScaling {
            throw reader.fail(
                "rope_parameters", found: "a scaling that differs from rope_scaling", required: "the same scaling")
        }
        let scaling = newScaling ?? classicScaling ?? .none
        // Some writers put this one beside the object; the reference implementation lets it win there.
        if case .llama3(_, _, _, let original) = scaling,
            let outer = try reader.integer("original_max_position_embeddings", in: 1...1 << 30), outer != original
        {
            throw reader.fail(
                "original_max_position_embeddings", found: "\(outer), and \(original) in the RoPE scaling",
                required: "one value")
        }
        self.init(theta: theta ?? 10_000, scaling: scaling)
    }

    private static func theta(_ reader: ConfigurationReader) throws(CheckpointError) -> Double? {
        try reader.number("rope_theta", "a finite number, at least 1") { $0 >= 1 && Float($0).isFinite }
    }
}

extension RopeScaling {
    /// Reads one object.
    ///
    /// Every key in it must belong to its type.
    init(_ reader: ConfigurationReader) throws(CheckpointError) {
        let type = try Self.type(reader)
        var keys: Set<String> = ["rope_type", "type", "rope_theta", "partial_rotary_factor"]
        switch type {
        case "default":
            self = .none
        case "linear":
            keys.insert("factor")
            self = .linear(factor: try Self.factor(reader))
        case "llama3":
            keys.formUnion(["factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"])
            self = try Self.llama3(reader)
        default:
            throw reader.fail(
                "rope_type", found: CheckpointError.shown(.string(type)),
                required: "\"default\", \"linear\" or \"llama3\"; others are not supported")
        }
        for key in reader.object.keys where !keys.contains(key) {
            guard let value = reader.value(key) else { continue }
            throw reader.fail(
                key, found: CheckpointError.shown(value), required: "no such key with the rope_type \"\(type)\"")
        }
        _ = try reader.number("partial_rotary_factor", "1, as nothing else is supported") { $0 == 1 }
    }

    /// `rope_type`, or `type` as older files spell it.
    ///
    private static func type(_ reader: ConfigurationReader) throws(CheckpointError) -> String {
        let new = try reader.string("rope_type")
        let old = try reader.string("type")
        if let new, let old, new != old {
            throw reader.fail("type", found: "\"\(old)\", while rope_type is \"\(new)\"", required: "the same value")
        }
        return try reader.required(new ?? old, "rope_type", "\"default\", \"linear\" or \"llama3\"")
    }

    private static func factor(_ reader: ConfigurationReader) throws(CheckpointError) -> Double {
        try reader.requiredNumber("factor", "a number from 1 to 1000000") { $0 >= 1 && $0 <= 1_000_000 }
    }

    private static func llama3(_ reader: ConfigurationReader) throws(CheckpointError) -> RopeScaling {
        let words = "a number above 0 and at most 1000000"
        let low = try reader.requiredNumber("low_freq_factor", words) { $0 > 0 && $0 <= 1_000_000 }
        let high = try reader.requiredNumber("high_freq_factor", words) { $0 > 0 && $0 <= 1_000_000 }
        guard Float(high - low) > 0 else {
            throw reader.fail(
                "high_freq_factor", found: "\(high)", required: "more than low_freq_factor, which is \(low)")
        }
        return .llama3(
            factor: try factor(reader), lowFrequencyFactor: low, highFrequencyFactor: high,
            originalMaximumPositions: try reader.requiredInteger("original_max_position_embeddings", in: 1...1 << 30))
    }
}
