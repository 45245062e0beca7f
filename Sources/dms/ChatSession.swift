import DMSCache
import DMSEngine
import DMSPolicy
import DMSServer
import DMSTerminal

/// The turns of a conversation at a terminal, or of one that comes through a pipe.
struct ChatSession {
    private let conversation: ChatConversation
    private let isInteractive: Bool
    private var editor = LineEditor()

    init(_ conversation: ChatConversation, isInteractive: Bool) {
        self.conversation = conversation
        self.isInteractive = isInteractive
    }

    func run() throws {
        var session = self
        try session.takeTurns()
    }

    private mutating func takeTurns() throws {
        if isInteractive { try Console.write("/help lists commands; Ctrl-C stops an answer, Ctrl-D ends.\n\n") }
        while let line = nextLine() {
            guard let input = ChatInput(line) else { continue }
            if input == .quit { return }
            do {
                try carryOut(input)
            } catch {
                // At a terminal a mistake is no reason to end; a script is told by the status.
                if !isInteractive { throw error }
                Console.note("dms: \(error)")
            }
        }
    }

    private mutating func nextLine() -> String? {
        guard isInteractive else { return readLine() }
        while true {
            switch editor.read(prompt: "> ") {
            case .line(let line): return line
            case .interrupted: continue
            case .end: return nil
            }
        }
    }

    private func carryOut(_ input: ChatInput) throws {
        switch input {
        case .message(let message): try answer(message)
        case .save(let path):
            try conversation.save(path)
            Console.note("saved \(conversation.tokens.count) tokens in \(path)")
        case .load(let path):
            let messages = try conversation.load(path)
            Console.note("restored \(conversation.tokens.count) tokens of \(path)")
            if isInteractive { try show(messages) }
        case .begin(let system):
            conversation.begin(system: system)
            Console.note(system == nil ? "begun anew" : "begun anew with a system message")
        case .memory: try Console.write(memory + "\n")
        case .help: try Console.write(ChatInput.commands + "\n")
        case .wrong(let what): throw ConsoleError(what)
        case .quit: break
        }
    }

    private func answer(_ message: String) throws {
        AnswerInterrupt.install()
        defer { AnswerInterrupt.uninstall() }
        let progress = ReadingProgress(isShown: isInteractive && Console.isErrorTerminal)
        // What is typed meanwhile is there afterwards, and does not stand in the answer.
        let ending =
            if isInteractive {
                try Terminal.with(.silent) { try stream(message, progress) }
            } else {
                try stream(message, progress)
            }
        try Console.write("\n")
        switch ending.reason {
        case .cancelled: Console.note("(stopped)")
        case .length: Console.note("(ended by --max-tokens)")
        case .contextLimit: Console.note("(the model's positions are used up; /new begins anew)")
        default: break
        }
        if isInteractive { Console.note(summary(ending.timings) + "\n") }
    }

    private func stream(_ message: String, _ progress: ReadingProgress) throws -> ChatConversation.Ending {
        try conversation.answer(
            message, isCancelled: { AnswerInterrupt.wasReceived }, onRead: progress.show,
            onText: { piece in
                progress.end()
                try Console.write(piece)
            })
    }

    private func show(_ messages: [ChatMessage]) throws {
        for message in messages.suffix(4) {
            try Console.write(message.role == .user ? "> \(message.content)\n" : "\(message.content)\n")
        }
        try Console.write("\n")
    }

    // MARK: Memory

    private func summary(_ timings: GenerationTimings) -> String {
        let report = conversation.report
        let speed = timings.decodeSeconds > 0 ? Double(timings.decodeTokens) / timings.decodeSeconds : 0
        return "\(conversation.tokens.count) tokens · \(Units.bytes(report.liveBytes)) alive of "
            + "\(Units.bytes(report.denseBytes)) · \(Units.fixed(speed, 1)) tokens/s"
    }

    private var memory: String {
        let report = conversation.report
        let ratios = report.ratios
        return """
            tokens              \(conversation.tokens.count)
            a dense cache       \(Units.bytes(report.denseBytes))
            alive now           \(Units.bytes(report.liveBytes)), one token of \(Units.fixed(ratios.finalLiveRatio ?? 1, 1))
            allocated           \(Units.bytes(report.allocatedBytes)), at most \(Units.bytes(report.peakAllocatedBytes))
            """
    }
}
