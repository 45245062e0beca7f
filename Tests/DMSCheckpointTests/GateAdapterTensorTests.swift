import DMSCheckpoint
import DMSJSON
import DMSPolicy
import Testing

/// Tensors of adapters are there exactly when the metadata say that decisions come from them.
@Suite struct GateAdapterTensorTests {
    private let directory = TemporaryDirectory()

    /// Makes a whole model with adapters, stated in NVIDIA's keys; `edit` may spoil the list of its tensors.
    private func make(
        _ changes: String = "{}", separate: Bool? = true,
        _ edit: (inout [(name: String, shape: [Int])]) -> Void = { _ in }
    ) throws {
        var object = TestConfiguration.object(changes)
        if let separate {
            object["dms_window_size"] = .integer(512)
            object["dms_alpha_scale"] = .number(100)
            object["dms_initial_alpha_offset"] = .number(5)
            object["dms_separate_alpha"] = .bool(separate)
        }
        directory.write(JSONValue.object(object).text(indent: 2), "config.json")
        let configuration = try LlamaConfiguration(object)
        var tensors = (configuration.expectedTensors + configuration.adapterTensors)
            .map { (name: $0.name, shape: $0.shape) }
        edit(&tensors)
        directory.write(safetensors(.bfloat16, tensors), "model.safetensors")
    }

    private func validate() throws(CheckpointError) { try ModelDirectory.open(path: directory.path).validateWeights() }

    private static let projection = "model.layers.1.self_attn.dms_proj_alpha.weight"

    @Test(arguments: ["{}", #"{"attention_bias": true}"#]) func acceptsWhole(_ changes: String) throws {
        try make(changes)
        try validate()
        let model = try ModelDirectory.open(path: directory.path)
        #expect(model.hasGateAdapters)
        let biased = changes != "{}"
        #expect(model.configuration.adapterTensors.count == (biased ? 6 : 4))
        #expect(model.expectedTensors.count == model.weights.names.count)
        #expect(try model.dmsMetadata()?.configuration.source == .adapter)
    }

    @Test func namesWhatIsMissing() throws {
        for name in [Self.projection, "model.layers.0.self_attn.dms_proj_alpha_norm.weight"] {
            try make { tensors in tensors.removeAll { $0.name == name } }
            let error = #expect(throws: CheckpointError.self) { try validate() }
            #expect(error?.subject == .tensor(name))
        }
    }

    @Test func namesWhatHasAnotherShape() throws {
        try make { tensors in
            for index in tensors.indices where tensors[index].name == Self.projection {
                tensors[index].shape = [3, 12]
            }
        }
        let error = #expect(throws: CheckpointError.self) { try validate() }
        #expect(error?.subject == .tensor(Self.projection))
        #expect(error?.required.contains("num_key_value_heads") == true)
    }

    /// Without metadata, and where a channel is borrowed.
    @Test(arguments: [nil, false]) func refusesAdaptersThatNobodyStates(separate: Bool?) throws {
        try make(separate: separate)
        let error = #expect(throws: CheckpointError.self) { try validate() }
        #expect(error?.description.contains("dms_proj_alpha") == true)
        #expect(error?.required.contains("decision_source") == true)
    }

    @Test func refusesABiasThatAttentionHasNot() throws {
        try make { $0.append(("model.layers.0.self_attn.dms_proj_alpha.bias", [2])) }
        let error = #expect(throws: CheckpointError.self) { try validate() }
        #expect(error?.subject == .tensor("model.layers.0.self_attn.dms_proj_alpha.bias"))
        #expect(error?.required.contains("attention_bias") == true)
    }
}
