// swift-format-ignore-file: NeverUseForceTry

import DMSCheckpoint
import Testing

@Suite struct GenerationConfigurationTests {
    private let model: LlamaConfiguration

    init() throws {
        model = try TestConfiguration.parse(#"{"eos_token_id": 7, "bos_token_id": 1}"#)
    }

    private func parse(_ text: String) throws(CheckpointError) -> GenerationConfiguration {
        try GenerationConfiguration(parsing: Array(text.utf8), for: model)
    }

    @Test func readsEveryField() throws {
        let configuration = try parse(
            #"""
            {"bos_token_id": 0, "do_sample": true, "eos_token_id": [8, 9], "temperature": 0.6, "top_k": 50,
             "top_p": 0.9, "min_p": 0.05, "repetition_penalty": 1.1, "max_new_tokens": 256, "num_beams": 4,
             "transformers_version": "4.45.0"}
            """#)
        #expect(configuration.beginOfTextID == 0)
        #expect(configuration.endOfTextIDs == [8, 9])
        #expect(configuration.samples == true)
        #expect(configuration.temperature == 0.6)
        #expect(configuration.topK == 50)
        #expect(configuration.topP == 0.9)
        #expect(configuration.minP == 0.05)
        #expect(configuration.repetitionPenalty == 1.1)
        #expect(configuration.maximumNewTokens == 256)
        #expect(configuration.ignoredKeys == ["num_beams"])
    }

    @Test func fallsBackToTheModel() throws {
        #expect(try parse("{}") == GenerationConfiguration(for: model))
        #expect(try parse(#"{"eos_token_id": null}"#).endOfTextIDs == [7])
        #expect(try parse(#"{"eos_token_id": 3}"#).endOfTextIDs == [3])
        #expect(try parse("{}").beginOfTextID == 1)
        #expect(try parse("{}").temperature == nil)
    }

    @Test(arguments: [
        ("temperature", "-0.1"), ("temperature", "NaN"), ("temperature", "\"hot\""), ("top_k", "-1"),
        ("top_k", "2.5"), ("top_p", "1.1"), ("top_p", "-0.1"), ("top_p", "Infinity"), ("min_p", "2"),
        ("repetition_penalty", "0"), ("repetition_penalty", "-1"), ("max_new_tokens", "0"), ("do_sample", "1"),
        ("eos_token_id", "10"), ("eos_token_id", "[1,-1]"), ("eos_token_id", "\"</s>\""), ("bos_token_id", "10"),
    ])
    func refuses(_ key: String, _ value: String) {
        expectError(file: "generation_config.json", .key(key), found: "") {
            () throws(CheckpointError) in try parse("{\"\(key)\": \(value)}")
        }
    }
}
