import DMSJSON
import DMSTestSupport
import Testing

@Suite("Without --model: the model that comes with dms")
struct ShippedModelTests {
    @Test("generate answers a question about a long text, and says what the cache took")
    func demonstration() throws {
        let text = try Command.run("generate")
        #expect(text.status == 0, "\(text.error)")
        #expect(text.output.contains("That is right."))
        #expect(text.error.isEmpty, "\(text.error)")
        #expect(text.output.contains("would hold") && text.output.contains("this one holds"))
        var right = 0
        for seed in 0..<4 {
            let object = try Command.run("generate", "--seed", "\(seed)", "--json").object()
            #expect(object["prompt_tokens"] == .integer(999))
            #expect(object["finish_reason"] == .string("stop_string"))
            let kv = try #require(object["kv"]?.objectValue)
            let ratio = try #require(kv["live_ratio"]?.doubleValue)
            let bytes = try #require(kv["byte_ratio"]?.doubleValue)
            #expect(ratio > 4 && bytes > 3)
            let dense = try Command.run("generate", "--seed", "\(seed)", "--no-evict", "--json").object()
            if object["text"] == dense["text"] { right += 1 }
        }
        #expect(right >= 3, "eviction changes answers")
    }

    @Test("a text on standard input or as an argument is continued instead")
    func texts() throws {
        let prompt = "The password is falcon. The king slept. The password is"
        let argument = try Command.run("generate", prompt, "--max-tokens", "1")
        #expect(argument.output == " falcon", "\(argument.error)")
        let input = try Command.run("generate", "--max-tokens", "1", input: prompt)
        #expect(input.output == " falcon", "\(input.error)")
    }

    @Test("the gate finds what a window of equal size has lost")
    func recall() throws {
        let object = try Command.run(
            "eval", "--task", "recall", "--lengths", "1024", "--depths", "25,50,75", "--samples", "8", "--controls",
            "--json"
        ).object()
        let subjects = try #require(object["subjects"]?.objectValue)
        func accuracy(_ name: String) -> Double { subjects[name]?.objectValue?["accuracy"]?.doubleValue ?? .nan }
        #expect(accuracy("no_evict") >= 0.9)
        #expect(accuracy("dms") >= 0.9)
        #expect(accuracy("sliding_window") <= 0.3)
        #expect(subjects["dms"]?.objectValue?["decision_ratio"]?.doubleValue ?? 0 > 6)
    }
}
