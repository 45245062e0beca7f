import DMSJSON
import Testing

@Suite("dms bench")
struct BenchCommandTests {
    @Test("the JSON object has the keys that scripts depend on, and the runs that were asked for")
    func json() throws {
        let result = try Command.run(
            "bench", "--shape", "tiny", "--context", "96", "--generate", "4", "--concurrency", "1,2", "--gate-evict",
            "0.875", "--window", "16", "--dense", "--json")
        #expect(result.status == 0)
        #expect(result.error.isEmpty)
        let object = try result.object()
        let ceilings = try #require(object["ceilings"]?.objectValue)
        for key in ["read_bandwidth_gb_s", "fp32_gflop_s", "bf16_gflop_s"] {
            let all = try #require(ceilings[key]?.doubleValue)
            let one = try #require(ceilings[key + "_one_thread"]?.doubleValue)
            #expect(one > 0)
            #expect(all >= one)
        }
        let runs = (object["runs"]?.arrayValue ?? []).compactMap(\.objectValue)
        #expect(runs.map { $0["mode"]?.stringValue } == ["dense", "no_evict", "dms", "dense", "no_evict", "dms"])
        #expect(runs.map { $0["concurrency"]?.integerValue } == [1, 1, 1, 2, 2, 2])
        for run in runs {
            for key in [
                "prefill_tokens_per_second", "decode_tokens_per_second", "prefill_fraction_of_ceiling",
                "decode_fraction_of_ceiling", "prefill_attention_seconds", "decode_attention_seconds_per_step",
            ] {
                #expect(run[key]?.doubleValue ?? 0 > 0, "\(key)")
            }
            #expect(run["context"] == .integer(96))
            #expect(run["generate"] == .integer(4))
            #expect(run["kv_dtype"] == .string("bf16"))
            #expect(run["weights"] == .string("bf16"))
            // 2 layers, 2 heads of 32 channels, keys and values of 2 bytes, 100 tokens of each sequence.
            let sequences = try #require(run["concurrency"]?.integerValue)
            #expect(run["kv_dense_bytes"] == .integer(100 * 2 * 2 * 32 * 2 * 2 * sequences))
            let live = try #require(run["kv_live_bytes"]?.integerValue)
            let dense = try #require(run["kv_dense_bytes"]?.integerValue)
            if run["mode"] == .string("dms") {
                // An eighth of what left the window of 17 tokens, and the window: 27 of 100, give or take luck.
                #expect(Double(live) / Double(dense) > 0.2 && Double(live) / Double(dense) < 0.36)
            } else {
                #expect(live == dense)
            }
            #expect(run["kv_allocated_bytes"]?.integerValue ?? 0 >= live)
        }
    }

    @Test("a model's own gate is used where it has one")
    func ownGate() throws {
        let gated = try TinyFolder(dms: TinyFolder.metadata(window: 8))
        let plain = try TinyFolder()
        for (model, modes) in [(gated, ["no_evict", "dms"]), (plain, ["no_evict"])] {
            let object = try Command.run(
                "bench", "--model", model.path, "--context", "32", "--generate", "2", "--precision", "fp32", "--json"
            ).object()
            let runs = (object["runs"]?.arrayValue ?? []).compactMap(\.objectValue)
            #expect(runs.compactMap { $0["mode"]?.stringValue } == modes)
            #expect(runs.allSatisfy { $0["kv_dtype"] == .string("fp32") })
        }
    }

    @Test("text has both tables")
    func text() throws {
        let result = try Command.run("bench", "--shape", "tiny", "--context", "8", "--generate", "1")
        #expect(result.status == 0)
        #expect(result.output.contains("read bandwidth"))
        #expect(result.output.contains("no_evict"))
        #expect(result.output.contains("of ceiling"))
    }

    @Test("batches: a run for every cache and size, with the gain and the shares of a step")
    func batches() throws {
        let object = try Command.run(
            "bench", "--shape", "tiny", "--context", "96", "--generate", "3", "--sequences", "1,4", "--repeat", "2",
            "--gate-evict", "0.875", "--window", "16", "--fill", "synthetic", "--json"
        ).object()
        #expect(object["runs"]?.arrayValue?.isEmpty == true)
        let batches = (object["batches"]?.arrayValue ?? []).compactMap(\.objectValue)
        let batch = try #require(batches.first)
        #expect(batches.count == 1)
        #expect(batch["fill"] == .string("synthetic") && batch["context"] == .integer(96))
        #expect(batch["rounds"] == .integer(2) && batch["steps_per_round"] == .integer(3))
        let runs = (batch["runs"]?.arrayValue ?? []).compactMap(\.objectValue)
        #expect(runs.compactMap { $0["mode"]?.stringValue } == ["no_evict", "no_evict", "dms", "dms"])
        #expect(runs.compactMap { $0["sequences"]?.integerValue } == [1, 4, 1, 4])
        for run in runs {
            let seconds = try #require(run["step_seconds_median"]?.doubleValue)
            let sequences = try #require(run["sequences"]?.integerValue)
            let speed = try #require(run["tokens_per_second"]?.doubleValue)
            #expect(seconds > 0 && abs(speed * seconds - Double(sequences)) < 1e-6)
            if sequences == 1 { #expect(run["tokens_per_second_ratio"]?.doubleValue == 1) }
            let shares = try #require(run["shares"]?.objectValue)
            let names = ["linear", "attention", "other_kernels", "cache_bookkeeping", "scheduler", "delivery"]
            #expect(shares.keys == names)
            #expect(abs(names.reduce(0) { $0 + (shares[$1]?.doubleValue ?? 0) } - 1) < 1e-6)
        }
    }

    @Test("batches that sample, and a machine that is not measured, of which nothing is said")
    func sampledBatches() throws {
        let arguments = [
            "bench", "--shape", "tiny", "--context", "16", "--generate", "3", "--sequences", "2", "--no-ceilings",
            "--temperature", "0.8", "--top-p", "0.95",
        ]
        let object = try Command.run(arguments + ["--json"], input: []).object()
        #expect(object["ceilings"] == .null)
        let batch = try #require(object["batches"]?.arrayValue?.first?.objectValue)
        let run = try #require(batch["runs"]?.arrayValue?.first?.objectValue)
        #expect(run["fraction_of_read_bandwidth"] == .null && run["tokens_per_second"]?.doubleValue ?? 0 > 0)
        let text = try Command.run(arguments, input: [])
        #expect(text.status == 0 && !text.output.contains("read bandwidth") && text.output.contains("delivery"))
    }

    @Test(
        "linear layers by themselves: every kind for every number of rows, beside both ceilings",
        arguments: [
            ["--weights", "bf16"], ["--weights", "int4", "--group-size", "32", "--precision", "int8"],
        ])
    func products(_ weights: [String]) throws {
        let object = try Command.run(
            ["bench", "--shape", "tiny", "--rows", "1,7", "--repeat", "2", "--json"] + weights, input: []
        ).object()
        let products = (object["products"]?.arrayValue ?? []).compactMap(\.objectValue)
        #expect(products.compactMap { $0["rows"]?.integerValue } == [1, 1, 1, 1, 1, 7, 7, 7, 7, 7])
        for product in products {
            let number = { (key: String) in product[key]?.doubleValue ?? 0 }
            let operations = 2 * number("rows") * number("outputs") * number("inputs")
            #expect(abs(number("operations_per_second") * number("seconds") / operations - 1) < 1e-6)
            #expect(abs(number("bytes_per_second") * number("seconds") / number("weight_bytes") - 1) < 1e-6)
            #expect(number("fraction_of_arithmetic") > 0 && number("fraction_of_read_bandwidth") > 0)
        }
        let down = try #require(products.first { $0["layers"] == .string("down_proj") })
        #expect(down["outputs"] == .integer(128) && down["inputs"] == .integer(256))
    }

    @Test("8-bit products want weights of integers")
    func int8Precision() throws {
        let model = try TinyFolder()
        let result = try Command.run("generate", "x", "--model", model.path, "--precision", "int8", "--max-tokens", "1")
        #expect(result.status == 1)
        #expect(result.error.contains("whose weights are not integers") && result.error.contains("dms quantize"))
        for arguments in [["--precision", "int8"], ["--rows", "1", "--sequences", "2"], ["--rows", "0"]] {
            #expect(try Command.run(["bench", "--shape", "tiny"] + arguments, input: []).status == 64, "\(arguments)")
        }
    }

    @Test("options of batches that contradict others are refused")
    func batchOptions() throws {
        for arguments in [
            ["--fill", "synthetic"], ["--sequences", "1,2", "--concurrency", "1"], ["--sequences", "1", "--dense"],
            ["--sequences", "0"], ["--sequences", "1", "--fill", "none"], ["--temperature", "1"],
            ["--sequences", "1", "--top-p", "2"], ["--rows", "1", "--seed", "3"],
        ] {
            let result = try Command.run(["bench", "--shape", "tiny"] + arguments, input: [])
            #expect(result.status == 64, "\(arguments)")
        }
    }
}
