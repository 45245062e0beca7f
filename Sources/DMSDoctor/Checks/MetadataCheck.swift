import DMSCheckpoint
import DMSJSON
import DMSPolicy

/// What the files state about eviction: complete, known, and without contradictions.
struct MetadataCheck {
    /// `dms_metadata.json`, as it stands.
    let object: JSONObject?
    /// What the files state; `nil` for a plain model, and where something is wrong.
    let metadata: DMSMetadata?
    /// Whether adapters are stated as the source of decisions, whatever else is wrong.
    let statesAdapters: Bool
    let errors: [CheckpointError]
    let findings: [Finding]

    init(_ folder: ModelFolder, _ config: JSONObject?, _ configuration: LlamaConfiguration?) {
        let file = folder.path(of: DMSMetadata.fileName)
        let configFile = folder.path(of: "config.json")
        let object: JSONObject?
        do throws(CheckpointError) {
            object = try DMSMetadata.object(in: folder.path)
        } catch {
            self.object = nil
            metadata = nil
            statesAdapters = false
            errors = [error]
            findings = [Finding(error, .metadata, in: folder.path, advice: Advice.forFile(error))]
            return
        }
        var objects = [configFile: config ?? JSONObject()]
        objects[file] = object
        let refusals = Refusals(of: objects, standIn: Self.standIn) {
            (objects) throws(CheckpointError) in
            try DMSMetadata.resolve(
                metadata: objects[file], metadataFile: file, config: objects[configFile] ?? JSONObject(),
                configFile: configFile)
        }
        var errors = refusals.errors
        let metadata: DMSMetadata? = refusals.value ?? nil
        if errors.isEmpty, let metadata, let configuration {
            do throws(CheckpointError) {
                try metadata.requireRunnable(headDimension: configuration.headDimension, directory: folder.path)
            } catch {
                errors.append(error)
            }
        }
        self.object = object
        statesAdapters = metadata?.configuration.source == .adapter
        self.metadata = refusals.errors.isEmpty ? metadata : nil
        self.errors = errors
        var findings = errors.map { Finding($0, .metadata, in: folder.path, advice: Self.advice($0)) }
        if let metadata = self.metadata {
            findings += Self.uncertain(metadata, configuration)
            if findings.isEmpty { findings.append(Self.summary(metadata)) }
        } else if findings.isEmpty {
            findings.append(Self.plain(folder))
        }
        self.findings = findings
    }

    private static func standIn(_ key: String, _ object: JSONObject) -> JSONValue? {
        let numbers: [DMSField] = [.windowSize, .alphaScale, .alphaOffset]
        return numbers.contains { key == $0.rawValue || key == "dms_\($0.rawValue)" } ? .integer(1) : nil
    }

    private static func advice(_ error: CheckpointError) -> String {
        if error.found == "no such key", case .key(let key) = error.subject {
            let field = key.hasPrefix("dms_") ? String(key.dropFirst("dms_".count)) : key
            return "if you know it: --fix-metadata --profile fastdms|nvidia --\(field.replacing("_", with: "-")) VALUE"
        }
        return error.required.contains("as stated by")
            ? "find out which of the two is right, and correct the other" : Advice.correct
    }

    /// What is read in one way although it could be meant in another.
    private static func uncertain(_ metadata: DMSMetadata, _ configuration: LlamaConfiguration?) -> [Finding] {
        var findings: [Finding] = []
        if metadata.origins[.profile] == .convention {
            findings.append(
                Finding(
                    .warning, .metadata, file: DMSMetadata.fileName, .key(DMSField.profile.rawValue),
                    found: "no such key", required: "the profile that says how the gates were trained",
                    advice: "read as fastdms, as the published files; --fix-metadata --profile fastdms|nvidia writes it"
                ))
        }
        if metadata.weightsSHA256 == nil {
            findings.append(
                Finding(
                    .warning, .metadata, file: DMSMetadata.fileName, .key(DMSField.weightsSHA256.rawValue),
                    found: "no such key", required: "the digest of the weights that it was written for",
                    advice: "these may be any weights; --fix-metadata writes the digest of those that are here"))
        }
        if let configuration, let length = metadata.contextLength, length > configuration.maximumPositions {
            findings.append(
                Finding(
                    .warning, .metadata, file: DMSMetadata.fileName, .key(DMSField.contextLength.rawValue),
                    found: "\(length)",
                    required: "at most \(configuration.maximumPositions), the max_position_embeddings of config.json",
                    advice: "the gates were trained on longer texts than the model has positions: one of them is wrong")
            )
        }
        return findings
    }

    private static func summary(_ metadata: DMSMetadata) -> Finding {
        let dms = metadata.configuration
        return Finding(
            .ok, .metadata, file: DMSMetadata.fileName,
            found: "profile \(metadata.profile): \(dms.source), window \(dms.windowSize), scale \(dms.alphaScale), "
                + "offset \(dms.alphaOffset)")
    }

    /// A model without eviction, unless a log says that it has some.
    private static func plain(_ folder: ModelFolder) -> Finding {
        for (name, path) in [
            ("training_log.json", folder.path(of: "training_log.json")),
            ("../training_log.json", folder.path + "/../training_log.json"),
        ] where MappedFile.exists(path: path) {
            guard let text = try? MappedFile.contents(ofPath: path, limit: 256 << 20),
                let log = (try? JSONReader.parse(text))?.objectValue,
                let config = log["config"]?.objectValue, config["alpha_scale"] != nil || config["window_size"] != nil
            else { continue }
            let stated = ["window_size", "alpha_scale", "alpha_offset", "target_cr"].compactMap { key in
                config[key].map { "\(key) \(CheckpointError.shown($0))" }
            }
            return Finding(
                .warning, .metadata, file: DMSMetadata.fileName, found: "no such file, and no dms_ keys",
                required: "metadata, as \(name) is of a training of gates (\(stated.joined(separator: ", ")))",
                advice: "dms runs it as a plain model, without eviction; \(Advice.complete)")
        }
        return Finding(.ok, .metadata, file: DMSMetadata.fileName, found: "not there: a plain model, without eviction")
    }
}
