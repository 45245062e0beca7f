import DMSJSON

extension WeightQuantization {
    /// Reads `quantization_config`; unknown keys and values are errors, because each might change what weights mean.
    ///
    /// - Returns: `nil` where there is none.
    static func read(_ configuration: ConfigurationReader) throws(CheckpointError) -> WeightQuantization? {
        guard let reader = try configuration.nested("quantization_config") else { return nil }
        try reader.require("quant_method", method)
        try reader.requireKeys(
            among: [
                "quant_method", "format", "quantization_status", "config_groups", "ignore", "kv_cache_scheme",
                "global_compression_ratio", "sparsity_config", "transform_config", "version",
            ])
        try reader.require("format", layout)
        if reader.value("quantization_status") != nil { try reader.require("quantization_status", "compressed") }
        for key in ["kv_cache_scheme", "sparsity_config", "transform_config"] { try reader.requireNothing(key) }
        guard let groups = try reader.nested("config_groups") else {
            throw reader.fail("config_groups", found: "no value", required: "an object of groups of layers")
        }
        var linear: Scheme?
        var named: [String: Scheme] = [:]
        for key in groups.object.keys {
            guard let group = try groups.nested(key) else { continue }
            let scheme = try scheme(group)
            for target in try group.names("targets") {
                if target == "Linear" {
                    linear = try group.once(linear, target, scheme)
                } else {
                    named[target] = try group.once(named[target], target, scheme)
                }
            }
        }
        let ignored = reader.value("ignore") == nil ? [] : try reader.names("ignore")
        return WeightQuantization(linear: linear, named: named, ignored: Set(ignored))
    }

    private static func scheme(_ group: ConfigurationReader) throws(CheckpointError) -> Scheme {
        try group.requireKeys(among: ["targets", "weights", "input_activations", "output_activations", "format"])
        for key in ["input_activations", "output_activations"] { try group.requireNothing(key) }
        if group.value("format") != nil { try group.require("format", layout) }
        guard let weights = try group.nested("weights") else {
            throw group.fail("weights", found: "no value", required: "an object with num_bits and group_size")
        }
        try weights.requireKeys(
            among: [
                "num_bits", "type", "symmetric", "strategy", "group_size", "dynamic", "actorder", "block_structure",
                "observer", "observer_kwargs", "scale_dtype", "zp_dtype",
            ])
        try weights.require("type", "int")
        try weights.require("strategy", "group")
        if try weights.boolean("symmetric") == false {
            throw weights.fail("symmetric", found: "false", required: "true")
        }
        if try weights.boolean("dynamic") == true { throw weights.fail("dynamic", found: "true", required: "false") }
        for key in ["actorder", "block_structure"] { try weights.requireNothing(key) }
        return Scheme(
            bits: try weights.one(of: Scheme.bitWidths, "num_bits"),
            groupSize: try weights.one(of: Scheme.groupSizes, "group_size"))
    }
}

extension ConfigurationReader {
    fileprivate func require(_ key: String, _ text: String) throws(CheckpointError) {
        guard value(key) == .string(text) else {
            throw fail(key, found: value(key).map(CheckpointError.shown) ?? "no value", required: "\"\(text)\"")
        }
    }

    /// An empty object counts as nothing.
    fileprivate func requireNothing(_ key: String) throws(CheckpointError) {
        guard let value = value(key), value.objectValue?.isEmpty != true else { return }
        throw fail(key, found: CheckpointError.shown(value), required: "no value, as it is not supported")
    }

    fileprivate func requireKeys(among known: Set<String>) throws(CheckpointError) {
        for key in object.keys where !known.contains(key) {
            throw fail(
                key, found: CheckpointError.shown(object[key] ?? .null),
                required: "no such key; known are \(known.sorted().joined(separator: ", "))")
        }
    }

    fileprivate func one(of choices: [Int], _ key: String) throws(CheckpointError) -> Int {
        guard let number = value(key)?.integerValue, choices.contains(Int(number)) else {
            throw fail(
                key, found: value(key).map(CheckpointError.shown) ?? "no value",
                required: choices.map(String.init).joined(separator: " or "))
        }
        return Int(number)
    }

    /// Names of layers; patterns would have to be matched as another library does.
    fileprivate func names(_ key: String) throws(CheckpointError) -> [String] {
        guard let elements = value(key)?.arrayValue else {
            throw fail(key, found: value(key).map(CheckpointError.shown) ?? "no value", required: "a list of names")
        }
        var names: [String] = []
        for element in elements {
            guard let name = element.stringValue, !name.hasPrefix("re:") else {
                throw fail(
                    key, found: CheckpointError.shown(element),
                    required: "the name of a layer, or \"Linear\"; patterns are not supported")
            }
            names.append(name)
        }
        return names
    }

    fileprivate func once(
        _ known: WeightQuantization.Scheme?, _ target: String, _ scheme: WeightQuantization.Scheme
    ) throws(CheckpointError) -> WeightQuantization.Scheme {
        guard known == nil else {
            throw fail("targets", found: "\"\(target)\" in two groups", required: "each layer in one group")
        }
        return scheme
    }
}
