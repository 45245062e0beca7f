import DMSCheckpoint
import DMSJSON
import Testing

@Suite("Every refusal of a reader")
struct RefusalsTests {
    private func refusals(_ changes: String) -> Refusals<LlamaConfiguration> {
        Refusals(
            of: ["config.json": TestConfiguration.object(changes)],
            standIn: { key, _ in
                key == "rms_norm_eps" ? .number(1e-5) : nil
            }
        ) { (objects) throws(CheckpointError) in
            try LlamaConfiguration(objects["config.json"] ?? JSONObject(), file: "config.json")
        }
    }

    @Test func noneWhereAllIsWell() {
        let refusals = refusals("{}")
        #expect(refusals.errors == [])
        #expect(refusals.value != nil)
    }

    @Test func eachKeyOnceAndTheRestIsRead() {
        let refusals = refusals(#"{"sliding_window": 3, "hidden_act": "gelu", "attention_bias": 1, "rms_norm_eps": 2}"#)
        #expect(
            Set(refusals.errors.compactMap { $0.subject?.description }) == [
                #"key "sliding_window""#, #"key "hidden_act""#, #"key "attention_bias""#, #"key "rms_norm_eps""#,
            ])
        #expect(refusals.errors.count == 4)
        #expect(refusals.value?.hiddenSize == 12)
    }

    @Test func insideOfObjects() {
        let refusals = refusals(
            #"{"rope_scaling": {"rope_type": "linear", "factor": 2, "a": 1, "b": 2}, "alibi": true}"#)
        #expect(refusals.errors.count == 3)
        #expect(refusals.value?.rope.scaling == .linear(factor: 2))
    }

    /// What must be there and has no stand-in ends the search.
    @Test func endsWhereNothingCanBeTakenOut() {
        let refusals = refusals(#"{"alibi": true, "hidden_size": "x", "vocab_size": 0}"#)
        #expect(refusals.errors.map(\.subject) == [.key("alibi"), .key("hidden_size")])
        #expect(refusals.value == nil)
    }

    @Test func anErrorOfTheWholeFile() {
        let refusals = Refusals<Int>(of: ["f": JSONObject()]) { _ throws(CheckpointError) in
            throw CheckpointError(file: "f", found: "x", required: "y")
        }
        #expect(refusals.errors.count == 1)
    }
}
