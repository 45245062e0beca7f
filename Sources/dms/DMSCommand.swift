import ArgumentParser

/// The command line: parsing and printing only.
struct DMSCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dms",
        abstract: "Models with a KV cache that evicts itself (Dynamic Memory Sparsification, arXiv 2506.05345).",
        discussion: """
            A model is a folder in Hugging Face format: config.json, tokenizer.json, *.safetensors, and for eviction \
            dms_metadata.json. A model without that file runs as a plain one. OWNER/NAME is one on a hub: the verbs fetch \
            what the cache does not have, unless --offline forbids it.

              dms pull OWNER/NAME                fetch a model, or bring it up to date
              dms inspect --model DIR            what a folder holds
              dms generate "Hello" --model DIR   continue a text
              dms chat --model DIR               talk with it
              dms serve --model DIR              serve it to OpenAI's clients
              dms eval --model DIR --corpus FILE perplexity, and what eviction costs and saves
              dms retrofit --model DIR …         teach a base model to evict
              dms quantize --model DIR …         round its weights to 8 or 4 bits
              dms pack --model DIR               lay them out for fast products, once
              dms convert --model DIR …          state its eviction in another dialect
              dms bench --shape llama-3.2-1b     how fast this machine is; needs no model
              dms corpus recall --output DIR     texts to train a small model on

            Exit status: 0 when all went well, 64 for wrong options, 130 for what Ctrl-C ended (of a training that was \
            stopped and saved, SIGTERM as well), 1 for everything else.
            """,
        version: Version.text,
        subcommands: [
            GenerateCommand.self, ChatCommand.self, ServeCommand.self, TokenizeCommand.self, EvalCommand.self,
            InspectCommand.self, PullCommand.self, BenchCommand.self, QuantizeCommand.self, PackCommand.self,
            ConvertCommand.self, RetrofitCommand.self, PretrainCommand.self, CorpusCommand.self,
        ])
}

/// The version of this build.
enum Version {
    static let text = "0.1.0"
}
