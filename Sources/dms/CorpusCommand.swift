import ArgumentParser
import DMSJSON
import DMSRecall

struct CorpusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "corpus",
        abstract: "Make texts to train on.",
        subcommands: [RecallCorpusCommand.self])
}

struct RecallCorpusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recall",
        abstract: "A password, stated once in a long text and asked for later.",
        discussion: """
            Writes a new folder with corpus.jsonl, the tokenizer, and the config.json of a small model: what training \
            from scratch starts from. The same options give the same bytes on every machine. Texts have up to \
            --length tokens and are laid out so that chunks of that length never cut one.

              dms corpus recall --output recall --chunks 8000
            """)

    @Option(help: ArgumentHelp("The folder to make.", valueName: "dir"))
    var output: String

    @Option(help: ArgumentHelp("Chunks of text.", valueName: "count"))
    var chunks = 8192

    @Option(help: ArgumentHelp("Tokens of a chunk, and the model's context.", valueName: "tokens"))
    var length = 1024

    @Option(help: ArgumentHelp("What the texts follow from.", valueName: "number"))
    var seed: UInt64 = 0

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        if output.isEmpty { throw ValidationError("--output: found an empty path, required a new folder") }
        guard (1...1 << 24).contains(chunks) else {
            throw ValidationError("--chunks: found \(chunks), required 1 to \(1 << 24)")
        }
        guard (RecallTask.minimumLength...1 << 16).contains(length) else {
            throw ValidationError("--length: found \(length), required \(RecallTask.minimumLength) to \(1 << 16)")
        }
    }

    func run() throws {
        let progress = EvalProgress(unit: "chunks")
        let summary = try RecallFolder(chunks: chunks, length: length, seed: seed).write(to: output) {
            if $0 % 64 == 0 || $0 == chunks { progress.show("recall", $0, of: chunks) }
        }
        progress.finish()
        if json {
            try Console.write(
                JSONObject([
                    "output": .string(output), "chunks": .count(chunks), "length": .count(length),
                    "documents": .count(summary.documents), "tokens": .count(summary.tokens),
                    "vocabulary": .count(summary.vocabularySize),
                ]))
        } else {
            try Console.write(
                """
                \(output): \(summary.documents) texts, \(summary.tokens) tokens in \(chunks) chunks of \(length); \
                a vocabulary of \(summary.vocabularySize)

                """)
        }
    }
}
