/// Cuts text into the pieces that byte-pair encoding never merges across.
///
/// The patterns are recognised by their exact text and scanned by hand, without backtracking, because a regular
/// expression engine on hostile text is a way to hang a server.
enum PreTokenizer: Sendable {
    /// The pattern of Llama 3 (`digits` 3) and of Qwen 2 (`digits` 1): contractions in any case, words with one leading
    /// symbol, numbers of at most `digits` digits, symbols with the line breaks after them, white space.
    case words(digits: Int)
    /// The pattern of GPT-2: contractions, then words, numbers and symbols with one leading blank, white space. SmolLM
    /// first makes a piece of every digit.
    case gpt2(isolatesDigits: Bool)

    static let gpt2Pattern =
        "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

    /// The pattern of Llama 3 with another expression for numbers.
    static func wordsPattern(number: String) -> String {
        "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" + number
            + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
    }

    /// Recognises the pattern of a `Split` pre-tokenizer.
    init?(pattern: String) {
        switch pattern {
        case Self.wordsPattern(number: "\\p{N}{1,3}"): self = .words(digits: 3)
        case Self.wordsPattern(number: "\\p{N}"): self = .words(digits: 1)
        case Self.gpt2Pattern: self = .gpt2(isolatesDigits: false)
        default: return nil
        }
    }

    /// Calls `body` with the byte range of every piece, in order; together they are the whole text.
    ///
    /// O(n).
    func split(_ bytes: UnsafeBufferPointer<UInt8>, _ body: (Range<Int>) -> Void) {
        let text = ClassifiedText(bytes)
        var start = 0
        while start < text.count {
            let end =
                switch self {
                case .words(let digits): Self.wordsEnd(text, from: start, digits: digits)
                case .gpt2(let isolatesDigits): Self.gpt2End(text, from: start, isolatesDigits: isolatesDigits)
                }
            body(text.byteRange(start..<end))
            start = end
        }
    }

    /// The end of one piece; the alternatives are tried in the pattern's order.
    private static func wordsEnd(_ text: ClassifiedText, from start: Int, digits: Int) -> Int {
        if let end = text.contractionEnd(from: start, ignoringCase: true) { return end }
        switch text.classes[start] {
        case .letter: return text.end(of: .letter, from: start)
        case .number: return text.end(of: .number, from: start, limit: digits)
        case .other:
            if text.isClass(.letter, at: start + 1) { return text.end(of: .letter, from: start + 1) }
            return symbolsEnd(text, from: start)
        case .space:
            if text.isClass(.letter, at: start + 1) { return text.end(of: .letter, from: start + 1) }
            if text.byte(at: start) == 0x20, text.isClass(.other, at: start + 1) {
                return symbolsEnd(text, from: start + 1)
            }
            return whitespaceEnd(text, from: start, stopsAfterNewline: true)
        case .newline: return whitespaceEnd(text, from: start, stopsAfterNewline: true)
        }
    }

    /// - Parameter isolatesDigits: Whether text ends before a digit and begins anew behind it, as far as the pattern sees.
    private static func gpt2End(_ text: ClassifiedText, from start: Int, isolatesDigits: Bool) -> Int {
        if let end = text.contractionEnd(from: start, ignoringCase: false) { return end }
        if isolatesDigits, text.classes[start] == .number { return start + 1 }
        let hasBody =
            text.byte(at: start) == 0x20 && start + 1 < text.count
            && !(isolatesDigits && text.isClass(.number, at: start + 1))
        let body = hasBody ? start + 1 : start
        switch text.classes[body] {
        case .space, .newline:
            return whitespaceEnd(text, from: start, stopsAfterNewline: false, endsAtDigits: isolatesDigits)
        case let run: return text.end(of: run, from: body)
        }
    }

    /// The end of `[^\s\p{L}\p{N}]+[\r\n]*`.
    private static func symbolsEnd(_ text: ClassifiedText, from start: Int) -> Int {
        text.end(of: .newline, from: text.end(of: .other, from: start))
    }

    /// The end of `\s*[\r\n]+` if wanted, else `\s+(?!\S)`, else `\s+`.
    private static func whitespaceEnd(
        _ text: ClassifiedText, from start: Int, stopsAfterNewline: Bool, endsAtDigits: Bool = false
    ) -> Int {
        var end = start
        var afterNewline = start
        while end < text.count, text.classes[end] == .space || text.classes[end] == .newline {
            end += 1
            if text.classes[end - 1] == .newline { afterNewline = end }
        }
        if stopsAfterNewline, afterNewline > start { return afterNewline }
        // Before a word the last blank is left, to go with the word.
        let isLast = end == text.count || endsAtDigits && text.isClass(.number, at: end)
        return isLast || end - start == 1 ? end : end - 1
    }
}
