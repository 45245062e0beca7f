import ArgumentParser
import DMSJSON
import DMSTokenizer

struct TokenizeCommand: ModelUsing {
    static let configuration = CommandConfiguration(
        commandName: "tokenize",
        abstract: "Turn text into token ids, or ids into text.",
        discussion: """
            Reads standard input to its end, as it is, line breaks included. Only the folder's tokenizer.json is used.

              printf 'Hello' | dms tokenize --model DIR              ids on one line
              echo '128000 9906' | dms tokenize --model DIR --decode   the text
              echo '"a\\nb"' | dms tokenize --model DIR --json-lines    [64,198,65]

            Special tokens written in the text become their ids. Bytes that are no UTF-8 decode to U+FFFD.
            """)

    @Option(help: HubOptions.help("The model with the tokenizer.json"))
    var model: String

    @OptionGroup var hub: HubOptions

    @Flag(
        help: """
            Do not add what the tokenizer puts around a text, such as a beginning-of-text token. With --decode: leave \
            special tokens out of the text.
            """)
    var noSpecialTokens = false

    @Flag(help: "Read ids, separated by spaces, commas or line breaks, or a JSON array; write their text.")
    var decode = false

    @Flag(
        help: """
            Each line of input is a JSON string; write a JSON array of ids for each. With --decode: each line is an \
            array of ids; write a JSON string.
            """)
    var jsonLines = false

    @Flag(help: "Print one JSON object: ids, or with --decode text.")
    var json = false

    func validate() throws {
        if json, jsonLines { throw ValidationError("--json and --json-lines exclude each other") }
    }

    mutating func resolveModels(_ folder: (String) throws -> String) throws {
        model = try folder(model)
    }

    func run() throws {
        let tokenizer = try Tokenizer(file: model + "/tokenizer.json")
        let input = try Console.readText()
        if jsonLines {
            try convertLines(input, tokenizer)
        } else if decode {
            let text = try text(of: IdentifierList.parse(input), tokenizer)
            if json { try Console.write(JSONObject(["text": .string(text)])) } else { try Console.write(text) }
        } else {
            let ids = tokenizer.encode(input, addSpecialTokens: !noSpecialTokens)
            if json {
                try Console.write(JSONObject(["ids": .ids(ids)]))
            } else {
                try Console.write(ids.map(String.init).joined(separator: " ") + "\n")
            }
        }
    }

    private func text(of ids: [Int32], _ tokenizer: Tokenizer) throws -> String {
        try tokenizer.decode(ids, skipSpecialTokens: noSpecialTokens)
    }

    private func convertLines(_ input: String, _ tokenizer: Tokenizer) throws {
        // JSON strings may contain other line separators; lines end at a line feed only.
        var lines = input.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        for (index, line) in lines.enumerated() {
            let place = "standard input, line \(index + 1)"
            let value: JSONValue
            do {
                value = try JSONReader.parse(Array(line))
            } catch {
                throw ConsoleError("\(place): \(error)")
            }
            let output: JSONValue
            if decode {
                output = .string(try text(of: IdentifierList.ids(value, place: place), tokenizer))
            } else {
                guard let text = value.stringValue else {
                    throw ConsoleError("\(place): found \(value.kind), required a string")
                }
                output = .ids(tokenizer.encode(text, addSpecialTokens: !noSpecialTokens))
            }
            try Console.write(output.text() + "\n")
        }
    }
}

/// Lists of token ids as people and programs write them.
enum IdentifierList {
    /// Ids separated by spaces, commas or line breaks, or a JSON array of them.
    static func parse(_ text: String) throws -> [Int32] {
        let place = "standard input"
        if text.utf8.first(where: { $0 > 0x20 }) == UInt8(ascii: "[") {
            do {
                return try ids(try JSONReader.parse(Array(text.utf8)), place: place)
            } catch let error as JSONError {
                throw ConsoleError("\(place): \(error)")
            }
        }
        return try text.split { $0 == "," || $0.isWhitespace }.map { word in
            guard let id = Int32(word), id >= 0 else {
                throw ConsoleError("\(place): found \"\(word.prefix(40))\", required a token id")
            }
            return id
        }
    }

    /// The elements of a JSON array.
    static func ids(_ value: JSONValue, place: String) throws -> [Int32] {
        guard let elements = value.arrayValue else {
            throw ConsoleError("\(place): found \(value.kind), required a list of token ids")
        }
        return try elements.map { element in
            guard let integer = element.integerValue, let id = Int32(exactly: integer), id >= 0 else {
                throw ConsoleError("\(place): found \(element.text().prefix(40)), required a token id")
            }
            return id
        }
    }
}
