public import DMSTokenizer

/// Texts as one stream of tokens, cut into contiguous chunks of the context length.
///
/// Each document is encoded with whatever the tokenizer puts around a text. Documents follow each other without a gap,
/// so a chunk may hold the end of one and the start of the next; the last tokens that do not fill a chunk are left out.
public struct TrainingCorpus: Sendable {
    /// What has been read so far.
    public struct Progress: Sendable, Hashable {
        /// Bytes of the files, of `byteCount` in all.
        public fileprivate(set) var bytesRead = 0
        /// Bytes of all files together.
        public fileprivate(set) var byteCount = 0
        /// Documents read.
        public fileprivate(set) var documents = 0
        /// Tokens that they gave.
        public fileprivate(set) var tokens = 0
    }

    /// How texts become chunks.
    public struct Options: Sendable, Hashable {
        /// Tokens of one chunk, at least 2: the first token of a chunk is not predicted.
        public var contextLength: Int
        /// Chunks of one batch, which the corpus must fill at least once.
        public var chunksPerBatch: Int
        /// The token put after each document of a file with JSON lines, if the model's configuration names one; where
        /// the tokenizer itself has put it there it is not put twice.
        public var endOfText: Int32?
        /// Rows of the model's embedding; a token beyond them is an error.
        public var vocabularySize: Int

        /// Options, checked when texts are read.
        public init(contextLength: Int, chunksPerBatch: Int, endOfText: Int32?, vocabularySize: Int) {
            self.contextLength = contextLength
            self.chunksPerBatch = chunksPerBatch
            self.endOfText = endOfText
            self.vocabularySize = vocabularySize
        }
    }

    /// The whole stream, with the tokens at its end that fill no chunk.
    public let tokens: [Int32]
    /// Tokens of one chunk.
    public let contextLength: Int
    /// Documents read.
    public let documentCount: Int
    /// Files that have a byte order mark, which is left out, or in text lines that end with a carriage return, which
    /// stays: by path.
    public let marks: [String: TextMarks]

    /// Full chunks.
    public var chunkCount: Int { tokens.count / contextLength }

    /// Reads files, in the order given.
    ///
    /// - Parameters:
    ///   - paths: `.txt` files, each one document, and `.jsonl` files with one `{"text": …}` per line.
    ///   - onProgress: Called after each document.
    /// - Throws: ``CorpusError`` for a file that cannot be read, naming the line where there is one; for a corpus
    ///   shorter than a batch; and what `onProgress` throws.
    public init(
        paths: [String], tokenizer: Tokenizer, options: Options, onProgress: (Progress) throws -> Void = { _ in }
    ) throws {
        guard options.contextLength >= 2 else {
            throw CorpusError(found: "a context length of \(options.contextLength)", required: "2 or more")
        }
        guard options.chunksPerBatch >= 1 else {
            throw CorpusError(found: "a batch of \(options.chunksPerBatch) chunks", required: "1 or more")
        }
        guard !paths.isEmpty else { throw CorpusError(found: "no file", required: "at least one text to train on") }
        // All files are opened first: a wrong name should not wait for the others to be tokenised.
        let readers = try paths.map { path throws(CorpusError) in try DocumentReader(path: path) }
        var tokens: [Int32] = []
        var progress = Progress()
        progress.byteCount = readers.reduce(0) { $0 + $1.byteCount }
        for reader in readers {
            let start = progress.bytesRead
            try reader.forEach { document, bytesRead in
                let first = tokens.count
                tokens += tokenizer.encode(document)
                if reader.format == .jsonLines, let end = options.endOfText, tokens[first...].last != end {
                    tokens.append(end)
                }
                if let id = tokens[first...].first(where: { $0 >= options.vocabularySize }) {
                    throw CorpusError(
                        file: reader.path, found: "a text with the token \(id)",
                        required: "the model's own tokenizer: its vocabulary has \(options.vocabularySize) tokens")
                }
                progress.bytesRead = start + bytesRead
                progress.documents += 1
                progress.tokens = tokens.count
                try onProgress(progress)
            }
        }
        let needed = options.contextLength * options.chunksPerBatch
        guard tokens.count >= needed else {
            throw CorpusError(
                file: paths.count == 1 ? paths[0] : nil,
                found: "a corpus of \(tokens.count) tokens",
                required: "at least \(needed), one batch of \(options.chunksPerBatch) x \(options.contextLength)")
        }
        self.tokens = tokens
        contextLength = options.contextLength
        documentCount = progress.documents
        marks = readers.reduce(into: [:]) { marks, reader in
            if reader.marks.hasByteOrderMark || reader.marks.hasCarriageReturns { marks[reader.path] = reader.marks }
        }
    }

    /// Tokens that are there already.
    public init(tokens: [Int32], contextLength: Int) {
        precondition(contextLength >= 2 && tokens.count >= contextLength, "a corpus without a chunk")
        self.tokens = tokens
        self.contextLength = contextLength
        documentCount = 1
        marks = [:]
    }

    /// The tokens of one chunk.
    public subscript(chunk: Int) -> ArraySlice<Int32> {
        precondition(chunk >= 0 && chunk < chunkCount, "chunk \(chunk) of \(chunkCount)")
        return tokens[chunk * contextLength..<(chunk + 1) * contextLength]
    }
}
