import DMSJSON
import DMSTestSupport
import Testing

@Suite("Exit status and messages")
struct ContractTests {
    @Test("help and version are on standard output with status 0")
    func help() throws {
        for verb in [
            [], ["generate"], ["chat"], ["serve"], ["tokenize"], ["inspect"], ["bench"], ["pull"],
            ["corpus", "recall"],
        ] {
            let result = try Command.run(verb + ["--help"], input: [])
            #expect(result.status == 0)
            #expect(result.output.contains("USAGE: dms"))
            #expect(result.error.isEmpty)
        }
        let version = try Command.run("--version")
        #expect(version.status == 0)
        #expect(version.output.wholeMatch(of: /\d+\.\d+\.\d+\n/) != nil)
    }

    @Test(
        "wrong options end with status 64 and one message on standard error",
        arguments: [
            ["bogus"], ["generate", "--bogus"], ["tokenize"], ["bench"],
            ["generate", "hi", "--model", "x", "--temperature", "-1"],
            ["generate", "hi", "--model", "x", "--temperature", "nan"],
            ["generate", "hi", "--model", "x", "--top-p", "1.5"], ["generate", "hi", "--model", "x", "--top-k", "-1"],
            ["generate", "hi", "--model", "x", "--min-p", "2"], ["generate", "hi", "--model", "x", "--stop", ""],
            ["generate", "hi", "--model", "x", "--repetition-penalty", "0"],
            ["generate", "hi", "--model", "x", "--max-tokens", "0"],
            ["generate", "hi", "--model", "x", "--prefill-chunk", "0"],
            ["generate", "hi", "--model", "x", "--threads", "0"],
            ["generate", "hi", "--model", "x", "--speculate", "65"], ["serve", "--speculate", "-1"],
            ["serve", "--speculate-streams", "0"],
            ["generate", "hi", "--model", "x", "--precision", "fp16"],
            ["generate", "hi", "--model", "x", "--kv-dtype", "int4"], ["generate", "hi", "there", "--model", "x"],
            ["tokenize", "--model", "x", "--json", "--json-lines"], ["bench", "--shape", "llama-9"],
            ["bench", "--shape", "tiny", "--model", "x"], ["bench", "--shape", "tiny", "--weights", "int2"],
            ["bench", "--shape", "tiny", "--group-size", "64"], ["bench", "--shape", "tiny", "--window", "3"],
            ["bench", "--shape", "tiny", "--gate-evict", "1.5"], ["bench", "--shape", "tiny", "--concurrency", "1,,8"],
            ["bench", "--shape", "tiny", "--context", "0"], ["bench", "--shape", "tiny", "--repeat", "0"],
            ["bench", "--shape", "tiny", "--weights", "fp32", "--precision", "bf16"],
            ["bench", "--model", "x", "--weights", "bf16"], ["serve", "--port", "65536"],
            ["serve", "--kv-budget", "2GB"],
            ["serve", "--kv-budget", "0"], ["serve", "--max-concurrency", "0"], ["serve", "--max-queue", "-1"],
            ["serve", "--max-choices", "0"], ["serve", "--idle-timeout", "0"], ["serve", "--chat-template", "jinja"],
            ["serve", "--log-level", "loud"], ["serve", "somewhere"], ["pull"], ["pull", "name"],
            ["pull", "/folder/x"],
            ["pull", "a/b", "--parallel", "0"], ["pull", "a/b@x", "--revision", "y"],
            ["pull", "a/b", "--endpoint", "http://hub.example"], ["pull", "a/b", "--offline"],
            ["inspect", "--prompt", "a"], ["inspect", "--threads", "1"], ["inspect", "--kv-dtype", "fp8"],
            ["inspect", "--precision", "fp32"], ["inspect", "--parts", "x"], ["inspect", "--measure", "recall"],
            ["inspect", "--output", "x", "--prompt", "a", "--corpus", "b"],
            ["inspect", "--output", "x", "--prompt-file", "a", "--prompt", "b"],
            ["inspect", "--output", "x", "--measure", "perplexity"],
            ["inspect", "--output", "x", "--measure", "perplexity", "--prompt", "a"],
            ["inspect", "--output", "x", "--measure", "speed"], ["inspect", "--output", "x", "--chunks", "2"],
            ["inspect", "--output", "x", "--measure", "recall", "--measure", "recall"],
            ["inspect", "--output", "x", "--lengths", "64"], ["inspect", "--output", "x", "--base", "y"],
            ["inspect", "--output", "x", "--context-length", "0"], ["inspect", "--output", ""],
            ["inspect", "--output", "x", "--measure", "recall", "--samples", "0"],
            ["inspect", "--output", "x", "--corpus", "y", "--measure", "perplexity", "--context-length", "1"],
        ])
    func wrongOptions(arguments: [String]) throws {
        let result = try Command.run(arguments, input: [])
        #expect(result.status == 64)
        #expect(result.output.isEmpty)
        #expect(result.error.hasPrefix("dms: error: "))
    }

    @Test("what the command line cannot know ends with status 1 and names the place")
    func failures() throws {
        let model = try TinyFolder()
        for verb in [["generate", "hi"], ["serve"], ["inspect"], ["tokenize"], ["bench"]] {
            let result = try Command.run(verb + ["--model", "/nonexistent/folder"], input: [])
            #expect(result.status == 1)
            #expect(result.output.isEmpty)
            #expect(result.error.hasPrefix("dms: error: /nonexistent/folder"))
        }
        let input = try Command.run(["generate", "--model", model.path], input: [0x61, 0xFF])
        #expect(input.status == 1)
        #expect(input.error == "dms: error: standard input: found bytes that are not UTF-8, required UTF-8 text\n")
    }
}
