import DMSCheckpoint
import DMSJSON
import DMSTokenizer

/// Reads the documents of text files and of files with one JSON object per line.
///
/// Files are mapped and handed out document by document, so that what is held besides the tokens is one document.
struct DocumentReader {
    /// How a file's documents are told apart, by the ending of its name.
    enum Format {
        /// The whole file is one document.
        case text
        /// Each line is a document: `{"text": "…"}`.
        case jsonLines

        init?(path: String) {
            if path.hasSuffix(".txt") {
                self = .text
            } else if path.hasSuffix(".jsonl") {
                self = .jsonLines
            } else {
                return nil
            }
        }
    }

    let path: String
    let format: Format
    /// What is in the file and in no text: a byte order mark is left out, and carriage returns stay.
    let marks: TextMarks
    private let file: MappedFile

    /// The size of the file in bytes.
    var byteCount: Int { file.withBytes { $0.count } }

    /// Opens a file.
    ///
    /// - Throws: ``CorpusError`` for a name of another kind, an empty file, and one that cannot be read.
    init(path: String) throws(CorpusError) {
        let name = "a text file .txt, or JSON lines .jsonl"
        if Directory.isDirectory(path) { throw CorpusError(file: path, found: "a folder", required: name) }
        guard let format = Format(path: path) else {
            let found = Directory.isFile(path) ? "a file whose name ends otherwise" : "no such file"
            throw CorpusError(file: path, found: found, required: name)
        }
        self.path = path
        self.format = format
        do {
            file = try MappedFile(path: path)
        } catch {
            throw CorpusError(file: path, found: error.found, required: error.required)
        }
        marks = file.withBytes { TextMarks($0, linesAreText: format == .text) }
        if byteCount == marks.prefixLength {
            throw CorpusError(file: path, found: "an empty file", required: "at least one document")
        }
    }

    /// Calls `body` with each document and the bytes of the file behind it that have been read.
    ///
    /// - Throws: ``CorpusError`` naming file and line, and whatever `body` throws.
    func forEach(_ body: (_ document: String, _ bytesRead: Int) throws -> Void) throws {
        try file.withBytes { bytes in
            switch format {
            case .text:
                guard let text = String(validating: bytes[marks.prefixLength...], as: UTF8.self) else {
                    throw CorpusError(
                        file: path, line: Self.firstInvalidLine(of: bytes), found: "a byte that is not UTF-8",
                        required: "UTF-8 text")
                }
                try body(text, bytes.count)
            case .jsonLines:
                var start = marks.prefixLength
                var line = 1
                while start < bytes.count {
                    let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
                    try body(try document(Array(bytes[start..<end]), line: line), min(end + 1, bytes.count))
                    start = end + 1
                    line += 1
                }
            }
        }
    }

    private func document(_ bytes: [UInt8], line: Int) throws(CorpusError) -> String {
        let required = #"an object {"text": "…"}"#
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONReader.parse(bytes)
        } catch {
            throw CorpusError(file: path, line: line, found: error.description, required: required)
        }
        guard let object = value.objectValue else {
            throw CorpusError(file: path, line: line, found: value.kind, required: required)
        }
        if let key = object.keys.first(where: { $0 != "text" }) {
            let shown = JSONValue.string(String(key.prefix(80))).text()
            throw CorpusError(file: path, line: line, found: "the unknown key \(shown)", required: required)
        }
        guard let text = object["text"] else {
            throw CorpusError(file: path, line: line, found: "no key \"text\"", required: required)
        }
        guard let document = text.stringValue else {
            throw CorpusError(file: path, line: line, found: "a \"text\" that is \(text.kind)", required: required)
        }
        return document
    }

    /// The line of the first byte that cannot be decoded.
    private static func firstInvalidLine(of bytes: UnsafeRawBufferPointer) -> Int {
        var decoder = UTF8()
        var iterator = bytes.makeIterator()
        var line = 1
        while case .scalarValue(let scalar) = decoder.decode(&iterator) {
            if scalar == "\n" { line += 1 }
        }
        return line
    }
}
