public import DMSCheckpoint
import DMSJSON

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A new folder with all that a training of the recall model starts from: the texts, the tokenizer and the model's
/// configuration.
public struct RecallFolder: Sendable {
    /// Chunks of the corpus.
    public var chunks: Int
    /// Tokens of a chunk, and the longest context of the model.
    public var length: Int
    public var seed: UInt64
    public init(chunks: Int, length: Int, seed: UInt64) {
        self.chunks = chunks
        self.length = length
        self.seed = seed
    }

    /// What was written.
    public struct Summary: Sendable, Hashable {
        public fileprivate(set) var documents = 0
        /// Tokens with those around each text.
        public fileprivate(set) var tokens = 0
        public let vocabularySize: Int
    }

    /// Makes the folder and writes the files.
    ///
    /// - Parameters:
    ///   - path: A folder that does not exist yet, in one that does.
    ///   - onChunk: Called after each chunk of the corpus with the number of those written.
    /// - Returns: What was written.
    /// - Throws: ``DMSCheckpoint/CheckpointError`` naming the path, when it exists or cannot be written.
    public func write(to path: String, onChunk: (Int) -> Void = { _ in }) throws(CheckpointError) -> Summary {
        guard mkdir(path, 0o777) == 0 else {
            throw CheckpointError(
                file: path, found: String(cString: strerror(errno)), required: "a new folder in one that exists")
        }
        let files = [
            ("config.json", RecallModel.configuration(contextLength: length)),
            ("tokenizer.json", RecallTokenizer.file),
            ("tokenizer_config.json", RecallTokenizer.configuration(contextLength: length)),
            ("special_tokens_map.json", RecallTokenizer.specialTokens),
        ]
        for (name, object) in files {
            let text = JSONValue.object(object).text(indent: 2) + "\n"
            try AtomicFile.write(Array(text.utf8), to: path + "/" + name)
        }
        let task = RecallTask(seed: seed)
        var summary = Summary(vocabularySize: RecallTokenizer.vocabulary.count)
        // Last: where it stands, the folder is whole.
        try AtomicFile.write(to: path + "/corpus.jsonl") { (output: inout FileOutput) throws(CheckpointError) in
            for chunk in 0..<chunks {
                for document in task.documents(ofChunk: chunk, length: length) {
                    let line = JSONValue.object(JSONObject(["text": .string(document)])).text() + "\n"
                    try output.append(Array(line.utf8))
                    summary.documents += 1
                }
                summary.tokens += length
                onChunk(chunk + 1)
            }
        }
        return summary
    }
}
