import DMSCheckpoint
import DMSJSON
import Foundation
import Testing

@Suite struct ModelDirectoryTests {
    private let directory = TemporaryDirectory()

    /// Makes a whole model; `edit` may spoil the list of its tensors.
    private func make(
        _ changes: String = "{}", dtype: TensorDataType = .bfloat16,
        _ edit: (inout [(name: String, shape: [Int])]) -> Void = { _ in }
    ) throws {
        let object = TestConfiguration.object(changes)
        directory.write(JSONValue.object(object).text(indent: 2), "config.json")
        var tensors = try LlamaConfiguration(object).expectedTensors.map { (name: $0.name, shape: $0.shape) }
        edit(&tensors)
        directory.write(safetensors(dtype, tensors), "model.safetensors")
    }

    private func open() throws(CheckpointError) -> ModelDirectory { try ModelDirectory.open(path: directory.path) }

    private func validate() throws(CheckpointError) { try open().validateWeights() }

    @Test(arguments: [TensorDataType.bfloat16, .float16, .float32]) func opensAModel(_ dtype: TensorDataType) throws {
        try make(dtype: dtype)
        directory.write(#"{"eos_token_id": [4, 5], "temperature": 0.5}"#, "generation_config.json")
        directory.write("{}", "tokenizer.json")
        let model = try open()
        try model.validateWeights()
        #expect(model.configuration.hiddenSize == 12)
        #expect(model.generationConfiguration.endOfTextIDs == [4, 5])
        #expect(try model.tokenizerPath == directory.file("tokenizer.json"))
        #expect(model.weights["model.layers.1.self_attn.q_proj.weight"]?.shape == [24, 12])
        #expect(model.weights["model.layers.1.self_attn.o_proj.weight"]?.shape == [12, 24])
        #expect(model.weights["model.layers.0.self_attn.k_proj.weight"]?.shape == [8, 12])
        #expect(model.weights["lm_head.weight"]?.shape == [10, 12])
    }

    @Test func listsWhatEachKindOfModelHas() throws {
        func names(_ changes: String) throws -> [String] {
            try TestConfiguration.parse(changes).expectedTensors.map(\.name)
        }
        let plain = try names("{}")
        #expect(plain.count == 1 + 2 * 9 + 2)
        #expect(Set(plain).count == plain.count)
        #expect(try Set(plain).subtracting(names(#"{"tie_word_embeddings": true}"#)) == ["lm_head.weight"])
        let biased = try TestConfiguration.parse(#"{"attention_bias": true}"#).expectedTensors
        let attention = biased.filter { $0.name.hasSuffix(".bias") }
        #expect(attention.count == 8)
        #expect(attention.first { $0.name == "model.layers.1.self_attn.q_proj.bias" }?.shape == [24])
        #expect(attention.first { $0.name == "model.layers.1.self_attn.v_proj.bias" }?.shape == [8])
        #expect(attention.first { $0.name == "model.layers.1.self_attn.o_proj.bias" }?.shape == [12])
        let inner = try TestConfiguration.parse(#"{"mlp_bias": true}"#).expectedTensors
            .filter { $0.name.hasSuffix(".bias") }
        #expect(inner.map(\.shape) == [[20], [20], [12], [20], [20], [12]])
    }

    @Test(arguments: [
        #"{"tie_word_embeddings": true}"#, #"{"attention_bias": true}"#, #"{"mlp_bias": true}"#,
        #"{"attention_bias": true, "mlp_bias": true, "tie_word_embeddings": true, "head_dim": 6}"#,
    ])
    func validatesEveryKind(_ changes: String) throws {
        try make(changes)
        try validate()
    }

    @Test func takesShardsOfMixedTypes() throws {
        let object = TestConfiguration.object("{}")
        directory.write(JSONValue.object(object).text(), "config.json")
        let tensors = try LlamaConfiguration(object).expectedTensors.map { (name: $0.name, shape: $0.shape) }
        let parts: [(String, TensorDataType, [(name: String, shape: [Int])])] = [
            ("model-00001-of-00002.safetensors", .float32, Array(tensors.prefix(9))),
            ("model-00002-of-00002.safetensors", .float16, Array(tensors.dropFirst(9))),
        ]
        var map = JSONObject()
        for (name, dtype, tensors) in parts {
            directory.write(safetensors(dtype, tensors), name)
            for tensor in tensors { map[tensor.name] = .string(name) }
        }
        directory.write(
            JSONValue.object(JSONObject(["weight_map": .object(map)])).text(), "model.safetensors.index.json")
        try validate()
        #expect(try open().weights.files.count == 2)
    }

    @Test func namesAMissingTensor() throws {
        try make { $0.removeAll { $0.name == "model.norm.weight" } }
        expectError(
            file: directory.path, .tensor("model.norm.weight"), found: "no such tensor", required: "[12], [hidden_size]"
        ) {
            () throws(CheckpointError) in try validate()
        }
        try make { $0.removeAll { $0.name.hasPrefix("model.layers.1.") } }
        expectError(file: directory.path, .tensor("model.layers.1.input_layernorm.weight"), found: "nor 8 others") {
            () throws(CheckpointError) in try validate()
        }
    }

    @Test func namesATensorOfAnotherShape() throws {
        try make { $0[0].shape = [11, 12] }
        expectError(
            file: "/model.safetensors", .tensor("model.embed_tokens.weight"), found: "[11, 12]",
            required: "[10, 12], [vocab_size, hidden_size]"
        ) {
            () throws(CheckpointError) in try validate()
        }
        try make { $0[2].shape = [12, 24] }
        expectError(
            file: "/model.safetensors", .tensor("model.layers.0.self_attn.q_proj.weight"), found: "[12, 24]",
            required: "[24, 12], [num_attention_heads * head_dim"
        ) {
            () throws(CheckpointError) in try validate()
        }
    }

    @Test(arguments: [TensorDataType.signed64, .float64, .float8E4M3, .unsigned8])
    func namesATensorOfAnotherType(_ dtype: TensorDataType) throws {
        try make(dtype: dtype)
        expectError(
            file: "/model.safetensors", .tensor("model.embed_tokens.weight"), found: dtype.rawValue,
            required: "BF16, F16 or F32"
        ) {
            () throws(CheckpointError) in try validate()
        }
    }

    @Test(arguments: [
        ("model.layers.0.self_attn.q_norm.weight", ""),
        ("model.layers.0.self_attn.q_proj.bias", "attention_bias is false"),
        ("model.layers.0.mlp.up_proj.bias", "mlp_bias is false"),
        ("model.layers.2.input_layernorm.weight", "num_hidden_layers is 2"), ("extra", "only tensors"),
    ])
    func namesATensorTooMany(_ name: String, _ hint: String) throws {
        try make { $0.append((name, [3])) }
        expectError(file: "/model.safetensors", .tensor(name), found: "[3]", required: hint) {
            () throws(CheckpointError) in try validate()
        }
    }

    @Test func ignoresFrequenciesThatOldWritersStored() throws {
        try make { $0.append(("model.layers.0.self_attn.rotary_emb.inv_freq", [2])) }
        try validate()
    }

    /// The embedding comes first, so its bytes count up from 0; a copy of it elsewhere does not.
    @Test func takesARedundantHeadOnlyWhenItIsEqual() throws {
        try make(#"{"tie_word_embeddings": true}"#) { $0.append(("lm_head.weight", [10, 12])) }
        expectError(
            file: "/model.safetensors", .tensor("lm_head.weight"), found: "differs",
            required: "tie_word_embeddings is true"
        ) {
            () throws(CheckpointError) in try validate()
        }
        // Bytes repeat every 256, so a filler makes the second copy start at a multiple of that.
        try make(#"{"tie_word_embeddings": true}"#) { tensors in
            let end = tensors.reduce(0) { $0 + $1.shape.reduce(2, *) }
            tensors.append(("x.rotary_emb.inv_freq", [(256 - end % 256) / 2]))
            tensors.append(("lm_head.weight", [10, 12]))
        }
        try validate()
        try make(#"{"tie_word_embeddings": true}"#) { $0.append(("lm_head.weight", [12, 10])) }
        expectError(file: "/model.safetensors", .tensor("lm_head.weight"), found: "differs") {
            () throws(CheckpointError) in try validate()
        }
    }

    @Test func anUntiedModelNeedsItsHead() throws {
        try make { $0.removeLast() }
        expectError(file: directory.path, .tensor("lm_head.weight"), found: "no such tensor") {
            () throws(CheckpointError) in try validate()
        }
    }

    @Test func saysWhatAPathIsInstead() throws {
        func expect(_ path: String, file: String, found: String, required: String) {
            expectError(file: file, nil, found: found, required: required) {
                () throws(CheckpointError) in try ModelDirectory.open(path: path)
            }
        }
        expect(directory.file("none"), file: "/none", found: "No such file", required: "model directory")
        expect(directory.path, file: "/config.json", found: "no such file", required: "configuration")
        let gguf = directory.write("GGUF....", "m.gguf")
        expect(gguf, file: "m.gguf", found: "a GGUF file", required: "model directory")
        expect(directory.path, file: "/config.json", found: "m.gguf", required: "configuration")
        expect(directory.write("x", "y"), file: "/y", found: "not a directory", required: "model directory")
        directory.write("{}", "params.json")
        expect(directory.path, file: "/config.json", found: "Meta's original format", required: "configuration")
    }

    @Test func errorsOfTheFilesNameThem() throws {
        try make()
        directory.write(#"{"top_p": 2}"#, "generation_config.json")
        expectError(file: "/generation_config.json", .key("top_p"), found: "2") {
            () throws(CheckpointError) in try open()
        }
        directory.write("{}", "config.json")
        expectError(file: "/config.json", .key("model_type"), found: "no value") {
            () throws(CheckpointError) in try open()
        }
    }

    @Test func sayWhichTokenizerIsThere() throws {
        try make()
        let model = try open()
        expectError(file: "/tokenizer.json", nil, found: "no such file") {
            () throws(CheckpointError) in try model.tokenizerPath
        }
        directory.write("", "tokenizer.model")
        expectError(file: "/tokenizer.json", nil, found: "SentencePiece", required: "tokenizer.json") {
            () throws(CheckpointError) in try model.tokenizerPath
        }
    }

    /// What a killed writer leaves behind is hidden and never read.
    @Test func ignoresTheRemnantOfAKilledWriter() throws {
        try make()
        directory.write("half", ".model.safetensors.partial-1-1")
        try validate()
    }

    @Test(.enabled(if: SharedFixtures.arePresent), arguments: ["wiki-llama-8m", "wiki-llama-8m-dms-synthetic"])
    func opensARealModel(_ name: String) throws {
        let model = try ModelDirectory.open(path: #require(SharedFixtures.root) + "/models/" + name)
        try model.validateWeights()
        #expect(model.configuration.layerCount == 6)
        #expect(model.configuration.groupSize == 4)
        #expect(model.configuration.ignoredKeys.isEmpty)
        #expect(model.generationConfiguration.temperature == 0.6)
        #expect(model.generationConfiguration.endOfTextIDs == [1])
        #expect(model.weights.names.count == model.expectedTensors.count)
        #expect(try !model.tokenizerPath.isEmpty)
    }
}
