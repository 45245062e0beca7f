package import DMSJSON

/// A Hugging Face model directory: its configuration, sampling defaults and mapped weights.
///
/// ```swift
/// let model = try ModelDirectory.open(path: "Llama-3.2-1B")
/// try model.validateWeights()
/// let norm = model.weights[LlamaTensorName.finalNorm]
/// ```
public struct ModelDirectory: Sendable {
    /// The path, as given.
    public let path: String
    /// The model's shape: `config.json`.
    public let configuration: LlamaConfiguration
    /// What the checkpoint recommends: `generation_config.json`, or the little that `config.json` says.
    public let generationConfiguration: GenerationConfiguration
    /// All tensors, mapped and not read.
    public let weights: CheckpointTensors

    /// Reads the configuration files and the headers of the weights.
    ///
    /// No tensor data is read.
    ///
    /// Whether the tensors are those of the configuration is for ``validateWeights()`` to say.
    ///
    /// - Throws: ``CheckpointError`` naming the file, and the key or tensor where there is one.
    public static func open(path: String) throws(CheckpointError) -> ModelDirectory {
        try requireDirectory(path)
        let configuration = try LlamaConfiguration(configurationObject(in: path), file: path + "/config.json")
        return ModelDirectory(
            path: path,
            configuration: configuration,
            generationConfiguration: try generationConfiguration(in: path, for: configuration),
            weights: try CheckpointTensors(directory: path))
    }

    /// What `config.json` says, checked for nothing but being an object.
    package static func configurationObject(in path: String) throws(CheckpointError) -> JSONObject {
        let file = path + "/config.json"
        if SystemCalls.kind(ofPath: file) == nil { throw missingConfiguration(in: path) }
        return try object(in: file)
    }

    /// The object that a small file holds.
    package static func object(in file: String) throws(CheckpointError) -> JSONObject {
        let text = try MappedFile.contents(ofPath: file, limit: ConfigurationReader.maximumLength)
        return try ConfigurationReader.object(parsing: text, file: file)
    }

    /// Files beside the weights that a copy of a model takes along as they are, where there are such.
    public static let companions = [
        "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "generation_config.json",
        "chat_template.jinja",
    ]

    /// The path of `tokenizer.json`.
    ///
    /// - Throws: ``CheckpointError`` when there is none.
    public var tokenizerPath: String {
        get throws(CheckpointError) { try Self.tokenizerPath(in: path) }
    }

    /// The same of a directory that may have no configuration.
    package static func tokenizerPath(in path: String) throws(CheckpointError) -> String {
        let file = path + "/tokenizer.json"
        if SystemCalls.kind(ofPath: file) == .regular { return file }
        let hasSentencePiece = SystemCalls.kind(ofPath: path + "/tokenizer.model") != nil
        throw CheckpointError(
            file: file,
            found: hasSentencePiece ? "no such file, only a SentencePiece tokenizer.model" : "no such file",
            required: "a tokenizer.json")
    }

    private static func generationConfiguration(
        in path: String, for configuration: LlamaConfiguration
    ) throws(CheckpointError) -> GenerationConfiguration {
        let file = path + "/generation_config.json"
        guard SystemCalls.kind(ofPath: file) != nil else { return GenerationConfiguration(for: configuration) }
        let text = try MappedFile.contents(ofPath: file, limit: ConfigurationReader.maximumLength)
        return try GenerationConfiguration(parsing: text, for: configuration, file: file)
    }

    /// Requires that there is a directory.
    package static func requireDirectory(_ path: String) throws(CheckpointError) {
        let required = "a model directory with config.json, tokenizer.json and model.safetensors"
        switch SystemCalls.kind(ofPath: path) {
        case .directory: return
        case nil: throw CheckpointError(file: path, found: SystemCalls.errorText(), required: required)
        case .regular, .other:
            var kind = "a file, not a directory"
            if let file = try? MappedFile(path: path), file.withBytes({ $0.starts(with: "GGUF".utf8) }) {
                kind = "a GGUF file"
            }
            throw CheckpointError(file: path, found: kind, required: required)
        }
    }

    /// Says what the directory seems to be instead.
    private static func missingConfiguration(in path: String) -> CheckpointError {
        let names = SystemCalls.names(inDirectory: path) ?? []
        let found =
            if names.contains("params.json") {
                "no such file, but params.json (Meta's original format; convert it to the Hugging Face format)"
            } else if names.contains("adapter_config.json") {
                "no such file, but adapter_config.json (a LoRA adapter; merge it into its base model)"
            } else if let name = names.first(where: { $0.hasSuffix(".gguf") }) {
                "no such file, but \(name) (GGUF files are not read)"
            } else {
                "no such file"
            }
        return CheckpointError(file: path + "/config.json", found: found, required: "the configuration of the model")
    }
}
