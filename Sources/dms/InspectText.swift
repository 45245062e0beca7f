import DMSCheckpoint
import DMSEngine
import DMSEvaluation
import DMSTokenizer

/// The text that a report is about, in tokens.
struct InspectText {
    /// Tokens of a corpus that are read where the gates state no context.
    private static let defaultContext = 4096

    let name: String
    let text: String
    /// All tokens of the text.
    let tokens: [Int32]
    /// Those from the start that are read.
    let readCount: Int
    /// Tokens to point out.
    let marked: [Range<Int>]

    var read: [Int32] { Array(tokens.prefix(readCount)) }

    init(_ command: InspectCommand, _ loaded: LoadedModel) throws {
        let options = command.report
        func encode(_ text: String) -> [Int32] { loaded.tokenizer.stream(text, hasStart: !options.noBos) }
        var limit = options.contextLength
        if let corpus = options.corpus {
            let positions = loaded.directory.configuration.maximumPositions
            limit = limit ?? min(positions, loaded.dms?.contextLength ?? Self.defaultContext)
            let read = try CorpusText(path: corpus)
            TextWarnings.note(read.marks, in: corpus)
            (name, text) = (Self.lastComponent(corpus), read.text)
        } else if let prompt = options.prompt {
            (name, text) = ("the prompt", prompt)
        } else if let file = options.promptFile {
            (name, text) = (Self.lastComponent(file), try Self.contents(file))
        } else {
            let input = Console.isInputTerminal ? "" : try Console.readText()
            guard input.isEmpty, command.model == nil else {
                (name, text, tokens) = ("standard input", input, encode(input))
                readCount = min(tokens.count, limit ?? .max)
                marked = []
                return
            }
            // What the model that comes with dms was made for: a password is said, and asked for at the end.
            let seed = options.seed ?? 0
            let sample = try RecallSource(seed: seed).sample(
                length: GenerateDemo.length, depth: GenerateDemo.depth, number: 0, encode: encode)
            name = "a text of the recall task (seed \(seed); the password is framed)"
            text = sample.prompt
            tokens = Array(sample.tokens[..<sample.answerStart])
            readCount = min(tokens.count, limit ?? .max)
            let count = readCount
            marked = sample.answerPlaces.filter { $0.upperBound <= count }
            return
        }
        tokens = encode(text)
        readCount = min(tokens.count, limit ?? .max)
        marked = []
    }

    private static func lastComponent(_ path: String) -> String {
        path.split(separator: "/").last.map(String.init) ?? path
    }

    private static func contents(_ path: String) throws -> String {
        guard let text = String(validating: try MappedFile.contents(ofPath: path, limit: 1 << 30), as: UTF8.self) else {
            throw ConsoleError("\(path): found bytes that are not UTF-8, required UTF-8 text")
        }
        return text
    }
}
