import DMSCheckpoint
import DMSJSON

/// `generation_config.json`, which need not be there, and whether anything ends a text.
struct GenerationCheck {
    private static let file = "generation_config.json"

    let generation: GenerationConfiguration?
    let errors: [CheckpointError]
    let findings: [Finding]

    init(_ folder: ModelFolder, _ checked: ConfigurationCheck) {
        let configuration = checked.configuration
        let path = folder.path(of: Self.file)
        var findings: [Finding] = []
        var errors: [CheckpointError] = []
        var generation: GenerationConfiguration? = configuration.map { GenerationConfiguration(for: $0) }
        do throws(CheckpointError) {
            if let object = try folder.object(Self.file), let configuration {
                let refusals = Refusals(of: [path: object]) {
                    (objects) throws(CheckpointError) in
                    try GenerationConfiguration(objects[path] ?? JSONObject(), for: configuration, file: path)
                }
                errors = refusals.errors
                generation = refusals.value
                findings += errors.map { Finding($0, .generation, in: folder.path, advice: Advice.correct) }
            }
        } catch {
            errors = [error]
            findings = [Finding(error, .generation, in: folder.path, advice: Advice.forFile(error))]
        }
        // Ids that were refused are said already.
        let isRefused = checked.errors.contains { $0.subject == .key("eos_token_id") }
        if errors.isEmpty, !isRefused, let generation, generation.endOfTextIDs.isEmpty {
            findings.append(
                Finding(
                    .warning, .generation, file: "config.json", .key("eos_token_id"), found: "no value",
                    required: "the ids that end a text, here or in \(Self.file)",
                    advice: "without it generation ends only when it has made as many tokens as were asked for"))
        }
        if findings.isEmpty {
            findings.append(Self.summary(generation, isPresent: folder.has(Self.file)))
        }
        self.generation = generation
        self.errors = errors
        self.findings = findings
    }

    private static func summary(_ generation: GenerationConfiguration?, isPresent: Bool) -> Finding {
        let ends = generation?.endOfTextIDs.map(String.init).joined(separator: ", ") ?? "unknown"
        let ignored = generation?.ignoredKeys ?? []
        return Finding(
            .ok, .generation, file: file,
            found: (isPresent ? "readable" : "not there, and need not be") + "; ends of text: \(ends)"
                + (ignored.isEmpty ? "" : "; not applied here: \(ignored.joined(separator: ", "))"))
    }
}
