import DMSCheckpoint
import DMSJSON

/// Names, shapes and types of tensors against those of the configuration.
struct TensorsCheck {
    let errors: [CheckpointError]
    /// The names of tensors that there must be in every engine, and are not.
    let missing: [String]
    /// The names of tensors that no part of the model has in engines that know no adapters.
    let unexpected: [String]
    let findings: [Finding]

    /// - Parameters:
    ///   - configuration: `nil` where shapes do not follow from it.
    ///   - hasAdapters: Whether the metadata give gate adapters as the source of decisions.
    init(
        _ folder: ModelFolder, _ configuration: LlamaConfiguration?, _ weights: WeightFilesCheck, hasAdapters: Bool
    ) {
        guard let configuration else {
            (errors, missing, unexpected, findings) = ([], [], [], [])
            return
        }
        func required(hasAdapters: Bool) -> TensorRequirements {
            TensorRequirements(configuration: configuration, hasAdapters: hasAdapters, path: folder.path) {
                weights.tensors[$0]
            }
        }
        let names = weights.tensors.keys.sorted()
        // Other engines know no adapters.
        let plain = required(hasAdapters: false)
        missing = plain.missingNames
        unexpected = plain.unexpected(names).compactMap {
            if case .tensor(let name)? = $0.subject { name } else { nil }
        }
        let requirements = required(hasAdapters: hasAdapters)
        let foreign = requirements.unexpected(names)
        // Where a file is missing or cannot be read, that is what to say of its tensors.
        let isWhole = weights.errors.isEmpty
        errors = (isWhole ? requirements.missing().map { [$0] } ?? [] : []) + requirements.wrong() + foreign
        var findings = errors.map { Finding($0, .tensors, in: folder.path, advice: Self.advice($0)) }
        findings += Self.statedType(configuration, weights)
        if findings.isEmpty, isWhole {
            findings.append(
                Finding(.ok, .tensors, file: ".", found: "names, shapes and types are those of config.json"))
        }
        self.findings = findings
    }

    private static func advice(_ error: CheckpointError) -> String {
        error.required.hasPrefix("only tensors") || error.required.hasPrefix("shape")
            ? "see whether config.json belongs to these weights; if so, save the model again" : Advice.convert
    }

    /// Other engines convert weights to the type that is stated.
    private static func statedType(_ configuration: LlamaConfiguration, _ weights: WeightFilesCheck) -> [Finding] {
        let types = ["float32": "F32", "float16": "F16", "bfloat16": "BF16"]
        guard let stated = configuration.statedDataType, configuration.quantization == nil,
            let embedding = weights.tensors[LlamaTensorName.embedding], embedding.dtype.isWeightType,
            types[stated] != embedding.dtype.rawValue
        else { return [] }
        let key = configuration.raw["dtype"] == nil ? "torch_dtype" : "dtype"
        return [
            Finding(
                .warning, .tensors, file: "config.json", .key(key), found: "\"\(stated)\"",
                required: "the type of the weights, which is \(embedding.dtype.rawValue)",
                advice: "Transformers and FastDMS convert to what is stated; dms takes what there is")
        ]
    }
}
