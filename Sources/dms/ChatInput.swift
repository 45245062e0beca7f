/// What a line of a conversation asks for.
enum ChatInput: Equatable {
    case message(String)
    case save(String), load(String)
    case memory, help, quit
    /// Begin anew, with a system message or without.
    case begin(system: String?)
    /// Says what is wrong.
    case wrong(String)

    static let commands = """
        /memory        what the cache holds, and what a dense one would
        /save FILE     keep this conversation
        /load FILE     go on with one that was kept
        /system TEXT   begin anew with a system message
        /new           begin anew without one
        /help          this
        /quit          end; so does Ctrl-D
        //text         a message that begins with a slash
        """

    /// - Returns: `nil` for a blank line.
    init?(_ line: String) {
        let text = line.drop(while: \.isWhitespace)
        if text.isEmpty { return nil }
        guard text.hasPrefix("/") else {
            self = .message(line)
            return
        }
        if text.hasPrefix("//") {
            self = .message(String(text.dropFirst()))
            return
        }
        let parts = text.split(maxSplits: 1, whereSeparator: \.isWhitespace)
        let name = String(parts[0])
        var argument = parts.count > 1 ? parts[1].drop(while: \.isWhitespace) : ""
        while argument.last?.isWhitespace == true { argument.removeLast() }
        self = Self.command(name, String(argument))
    }

    private static func command(_ name: String, _ argument: String) -> ChatInput {
        switch name {
        case "/save", "/load":
            if argument.isEmpty { return .wrong("\(name): found no file, required the path of one") }
            return name == "/save" ? .save(argument) : .load(argument)
        case "/system":
            if argument.isEmpty { return .wrong("/system: found no text, required one; /new has none") }
            return .begin(system: argument)
        case "/new", "/memory", "/help", "/quit", "/exit":
            if !argument.isEmpty { return .wrong("\(name): found \"\(argument)\", required nothing behind it") }
            switch name {
            case "/new": return .begin(system: nil)
            case "/memory": return .memory
            case "/help": return .help
            default: return .quit
            }
        default: return .wrong("\(name): not a command; /help lists them, and // begins a message with a slash")
        }
    }
}
