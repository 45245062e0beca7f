import DMSCheckpoint
import DMSJSON
import DMSPolicy

/// What FastDMS makes of a folder, by its published sources.
///
/// Those of `shisa-ai/FastDMS` at commit c602b0e: `config.py`, `engine/dms.py`, `utils/loader.py`, `models/`. It needs a
/// GPU and was not run.
enum FastDMSVerdict {
    static func of(_ seen: Examination) -> EngineVerdict {
        if let reason = TransformersVerdict.configurationRefusal(seen) ?? ownRefusal(seen) ?? weightsRefusal(seen) {
            return EngineVerdict(.fastdms, .refuses, "refuses: \(reason)")
        }
        guard let configuration = seen.configuration.configuration, seen.configuration.givesShapes else {
            return EngineVerdict(
                .fastdms, .unknown, "config.json says something that dms does not understand; FastDMS may")
        }
        var notes = [
            "prompts attend to every token of theirs, and evicted tokens may stay up to a window longer, where dms keeps to "
                + "the rule throughout"
        ]
        notes += tokenizerNotes(seen)
        let unset = seen.tensors.missing.count
        if unset > 0 {
            return EngineVerdict(
                .fastdms, .differs,
                "loads with memory as it happens to be in the \(unset) tensors that are missing, "
                    + "\(seen.tensors.missing[0]) the first", notes: notes)
        }
        if !seen.weights.others.isEmpty {
            notes.append("reads \(seen.weights.others.joined(separator: ", ")), too; of equal tensors the last counts")
        }
        do throws(ReadingError) {
            let reading = try FastDMSReading(seen.folder, seen.configuration.object)
            return verdict(seen, configuration, reading, notes)
        } catch {
            return EngineVerdict(.fastdms, .refuses, "refuses with eviction: \(error.reason)", notes: error.notes)
        }
    }

    private static func verdict(
        _ seen: Examination, _ configuration: LlamaConfiguration, _ reading: FastDMSReading, _ notes: [String]
    ) -> EngineVerdict {
        let values =
            "window \(reading.windowSize), scale \(reading.alphaScale), offset \(reading.alphaOffset) from "
            + reading.source
        let assumed =
            reading.assumed.isEmpty
            ? []
            : [
                "assumes a default, silently, for \(reading.assumed.joined(separator: ", "))"
            ]
        guard let metadata = seen.metadata.metadata else {
            return EngineVerdict(
                .fastdms, .unknown, "would run with \(values)",
                notes: ["dms does not say what these metadata mean, so nothing can be compared"] + assumed + notes)
        }
        let reasons = differences(metadata.configuration, configuration, reading)
        guard reasons.isEmpty else {
            return EngineVerdict(
                .fastdms, .differs, "would compute another function: \(reasons.joined(separator: "; "))",
                notes: ["runs with \(values)"] + assumed + notes)
        }
        return EngineVerdict(.fastdms, .loads, "runs it with \(values)", notes: assumed + notes)
    }

    /// Where its one reading of a checkpoint is not that of the metadata.
    private static func differences(
        _ dms: DMSConfiguration, _ configuration: LlamaConfiguration, _ reading: FastDMSReading
    ) -> [String] {
        var reasons: [String] = []
        if dms.source == .adapter { reasons.append("it reads gates from query channels, and these have an adapter") }
        if dms.decisionShift != 0 { reasons.append("a token decides for itself, and here the next one does") }
        if dms.zeroing != .beforeRope {
            reasons.append("the channel is set to 0 before RoPE, and here zero_channel is \(dms.zeroing)")
        }
        if let index = dms.channel.index, index != configuration.headDimension - 1 {
            reasons.append("it reads the last channel, and here the gate is channel \(index)")
        }
        if !dms.windowInclusive { reasons.append("its window includes the edge, and here it does not") }
        if configuration.raw["model_type"] == .string("qwen3"), configuration.rope.scaling != .none {
            reasons.append("it scales no positions of a Qwen3, and config.json does")
        }
        if reading.windowSize != dms.windowSize {
            reasons.append("its window is \(reading.windowSize), and here it is \(dms.windowSize)")
        }
        if Float(reading.alphaScale) != dms.alphaScale {
            reasons.append("its scale is \(reading.alphaScale), and here it is \(dms.alphaScale)")
        }
        if Float(reading.alphaOffset) != dms.alphaOffset {
            reasons.append("its offset is \(reading.alphaOffset), and here it is \(dms.alphaOffset)")
        }
        return reasons
    }

    private static func ownRefusal(_ seen: Examination) -> String? {
        guard let object = seen.configuration.object else { return nil }
        let type = object["model_type"]?.stringValue ?? ""
        let architectures = object["architectures"]?.arrayValue?.compactMap(\.stringValue) ?? []
        guard
            ["llama", "qwen3"].contains(type)
                || architectures.contains(where: { ["LlamaForCausalLM", "Qwen3ForCausalLM"].contains($0) })
        else { return "it knows llama and qwen3, and model_type is \(CheckpointError.shown(.string(type)))" }
        switch (object["dtype"] ?? object["torch_dtype"])?.stringValue {
        case nil: return "config.json states no torch_dtype, from which it takes the type of its cache"
        case "float32": return "its attention computes in float16 and bfloat16, and torch_dtype is float32"
        default: break
        }
        if let activation = object["hidden_act"], activation != .string("silu") {
            return "hidden_act is \(CheckpointError.shown(activation)), and it knows silu"
        }
        let scaling = (object["rope_scaling"]?.objectValue ?? object["rope_parameters"]?.objectValue)
        if let rope = (scaling?["rope_type"] ?? scaling?["type"])?.stringValue, type == "llama",
            !["default", "linear", "llama3"].contains(rope)
        {
            return "rope_type is \(CheckpointError.shown(.string(rope))), and it knows default, linear and llama3"
        }
        return nil
    }

    /// It opens every safetensors file, asks no index, and every tensor must be a parameter.
    private static func weightsRefusal(_ seen: Examination) -> String? {
        if seen.configuration.configuration?.quantization != nil { return "it knows no layers of integers" }
        for name in seen.folder.names where name.hasSuffix(".safetensors") && !name.hasPrefix(".") {
            if seen.weights.files[name] != nil { continue }
            do throws(CheckpointError) {
                _ = try SafetensorsFile(path: seen.folder.path(of: name))
            } catch {
                return "\(error)"
            }
        }
        if let name = seen.tensors.unexpected.first { return "its model has no parameter \(name)" }
        if let name = seen.weights.tensors.keys.sorted().first(where: { $0.hasSuffix(".rotary_emb.inv_freq") }) {
            return "its model has no parameter \(name)"
        }
        return seen.tensors.errors.first { $0.found.hasPrefix("shape ") }.map { "\($0)" }
    }

    /// It ends a text at the one token that the tokenizer calls so.
    private static func tokenizerNotes(_ seen: Examination) -> [String] {
        let ends = seen.generation.generation?.endOfTextIDs ?? []
        return ends.count > 1 ? ["ends a text at one token, that of the tokenizer, and here \(ends.count) end it"] : []
    }
}
