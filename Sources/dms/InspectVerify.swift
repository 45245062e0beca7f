import ArgumentParser
import DMSCheckpoint
import DMSDoctor
import DMSJSON
import DMSServer
import DMSTraining

/// `dms inspect --verify`: mends metadata if asked to, makes all checks, and prints what they found.
struct InspectVerify {
    let path: String
    let options: InspectVerifyOptions
    let isJSON: Bool

    /// - Throws: `ExitCode.failure` when something is a problem.
    func run() throws {
        let completion = options.fixMetadata ? try complete() : nil
        let progress = EvalProgress(unit: "MiB")
        let checkup = Checkup(path: path, isQuick: options.quick, further: [Self.chat, Self.training])
        let diagnosis = checkup.run { progress.show("reading weights", $0 >> 20, of: $1 >> 20) }
        progress.finish()
        if isJSON {
            var object = diagnosis.json
            if let completion { object["added"] = .array(completion.additions.map { .object($0.json) }) }
            try Console.write(object)
        } else {
            if let completion { try Console.write(Self.text(completion) + "\n") }
            try Console.write(DiagnosisText(diagnosis).text)
        }
        if !diagnosis.isSound { throw ExitCode.failure }
    }

    private func complete() throws -> DMSMetadataCompletion {
        let completion = try DMSMetadataCompletion(
            directory: try ModelDirectory.open(path: path), values: options.values,
            optionName: InspectVerifyOptions.name(of:))
        try completion.write()
        return completion
    }

    private static func text(_ completion: DMSMetadataCompletion) -> String {
        if completion.additions.isEmpty { return "\(completion.file): nothing is missing, nothing was written\n" }
        return "\(completion.file): written, with\n"
            + completion.additions.map { "  \($0.key): \($0.value.text())  (\($0.origin))\n" }.joined()
    }

    // MARK: Checks of what other libraries read

    /// Which chat template the tokens speak for.
    private static let chat = FurtherCheck { subject in
        guard let tokenizer = subject.tokenizer else { return [] }
        if let template = ChatTemplate.detect(tokenizer, endOfText: subject.endOfTextIDs) {
            return [
                Finding(
                    .ok, .chat, file: "tokenizer.json", found: "special tokens of the template \(template.rawValue)")
            ]
        }
        let has =
            subject.tokenizerConfiguration?["chat_template"] != nil || subject.folder.has("chat_template.jinja")
        guard has else {
            return [Finding(.ok, .chat, file: "tokenizer.json", found: "no chat template: for completions only")]
        }
        return [
            Finding(
                .warning, .chat,
                file: subject.folder.has("chat_template.jinja")
                    ? "chat_template.jinja" : "tokenizer_config.json",
                found: "a chat template that is none of those that dms writes",
                required: ChatTemplate.allCases.map(\.rawValue).joined(separator: " or "),
                advice: "completions work; chats are refused unless one of them is named")
        ]
    }

    /// Whether the log of the training can be read.
    private static let training = FurtherCheck { subject in
        guard let path = TrainingCurves.log(inModelDirectory: subject.folder.path) else { return [] }
        let name =
            path.hasPrefix(subject.folder.path + "/") ? String(path.dropFirst(subject.folder.path.count + 1)) : path
        do {
            _ = try TrainingCurves(logFile: path)
            return [Finding(.ok, .training, file: name, found: "readable")]
        } catch {
            return [
                Finding(
                    .warning, .training, file: name, found: "\(error)", required: "a log of a training",
                    advice: "reports go without its curves; nothing else reads it here")
            ]
        }
    }
}

extension DMSMetadataCompletion.Addition {
    fileprivate var json: JSONObject {
        JSONObject(["key": .string(key), "value": value, "origin": .string(origin)])
    }
}
