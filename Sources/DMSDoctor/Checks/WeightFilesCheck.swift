import DMSCheckpoint
import DMSJSON

/// The files of the weights: whether each is there and well-formed, and whether index and shards say the same.
struct WeightFilesCheck {
    /// The files that can be read, by their names.
    let files: [String: SafetensorsFile]
    /// Of those files.
    let tensors: [String: MappedTensor]
    /// The names of the files that make the checkpoint, readable or not, sorted.
    let members: [String]
    let index: ShardIndex?
    let errors: [CheckpointError]
    /// Safetensors files that are none of the checkpoint's.
    let others: [String]
    let findings: [Finding]

    init(_ folder: ModelFolder) {
        var errors: [CheckpointError] = []
        var index: ShardIndex?
        let indexPath = folder.path(of: CheckpointTensors.indexName)
        if folder.has(CheckpointTensors.indexName) {
            do throws(CheckpointError) {
                let text = try MappedFile.contents(ofPath: indexPath, limit: CheckpointTensors.maximumIndexLength)
                let parsed = try ShardIndex(parsing: text, file: indexPath)
                index = parsed
                if let error = CheckpointTensors.ambiguity(parsed, directory: folder.path) { errors.append(error) }
            } catch {
                errors.append(error)
            }
            members = index?.shards ?? []
        } else if folder.has(CheckpointTensors.singleName) {
            members = [CheckpointTensors.singleName]
        } else {
            members = []
            errors.append(CheckpointTensors.absent(in: folder.path))
        }
        var files: [String: SafetensorsFile] = [:]
        for name in members {
            do throws(CheckpointError) {
                files[name] = try SafetensorsFile(path: folder.path(of: name))
            } catch {
                errors += Self.all(after: error, folder.path(of: name))
            }
        }
        if let index { errors += CheckpointTensors.disagreements(index, files: files, directory: folder.path) }
        self.files = files
        tensors = files.values.reduce(into: [:]) { tensors, file in
            for tensor in file.tensors { tensors[tensor.name] = tensor }
        }
        self.index = index
        self.errors = errors
        let known = members
        others = folder.names.filter {
            $0.hasSuffix(".safetensors") && !$0.hasPrefix(".") && !known.contains($0)
                && $0 != CheckpointTensors.singleName
        }
        var findings = errors.map { Finding($0, .weights, in: folder.path, advice: Self.advice($0)) }
        if index != nil { findings += Self.totalSize(folder, indexPath, tensors, isWhole: errors.isEmpty) }
        // Without an index that can be read nobody knows which are its shards.
        if !members.isEmpty {
            findings += others.map { name in
                Finding(
                    .warning, .weights, file: name, found: "a safetensors file that is not part of the checkpoint",
                    required: "no other, as FastDMS reads every one there is",
                    advice: "move it away, unless something else needs it")
            }
        }
        if findings.isEmpty { findings.append(Self.summary(files, tensors)) }
        self.findings = findings
    }

    /// Everything that is wrong with one file, where that is in its header.
    private static func all(after error: CheckpointError, _ path: String) -> [CheckpointError] {
        guard let file = try? MappedFile(path: path) else { return [error] }
        let errors = file.withBytes { SafetensorsHeader.errors(parsing: $0, file: path) }
        return errors.isEmpty ? [error] : errors
    }

    private static func advice(_ error: CheckpointError) -> String {
        if error.found.contains("which is there too") { return "keep one of them" }
        if error.found.contains("Git LFS pointer") { return Advice.lfs }
        if error.subject == nil || error.required.contains("truncated") { return Advice.fetch }
        return Advice.convert
    }

    /// `metadata.total_size`; without `metadata` Transformers does not read an index.
    private static func totalSize(
        _ folder: ModelFolder, _ path: String, _ tensors: [String: MappedTensor], isWhole: Bool
    ) -> [Finding] {
        guard let object = try? folder.object(CheckpointTensors.indexName) else { return [] }
        guard let metadata = object["metadata"]?.objectValue else {
            return [
                Finding(
                    .warning, .weights, file: CheckpointTensors.indexName, .key("metadata"), found: "no object",
                    required: "an object, as Transformers refuses an index without",
                    advice: "add \"metadata\": {\"total_size\": BYTES}")
            ]
        }
        guard isWhole, let stated = metadata["total_size"] else { return [] }
        let total = tensors.values.reduce(0) { $0 + $1.bytes.count }
        if stated.doubleValue == Double(total) { return [] }
        return [
            Finding(
                .warning, .weights, file: CheckpointTensors.indexName, .key("metadata.total_size"),
                found: CheckpointError.shown(stated), required: "\(total), the bytes of all tensors",
                advice: "nothing reads it to load a model; some writers count tied tensors twice")
        ]
    }

    private static func summary(_ files: [String: SafetensorsFile], _ tensors: [String: MappedTensor]) -> Finding {
        let bytes = tensors.values.reduce(0) { $0 + $1.bytes.count }
        let types = Set(tensors.values.map(\.dtype.rawValue)).sorted().joined(separator: ", ")
        return Finding(
            .ok, .weights, file: files.count == 1 ? files.keys.first ?? "." : CheckpointTensors.indexName,
            found: "\(tensors.count) tensors in \(types), \(bytes) bytes in \(files.count) "
                + (files.count == 1 ? "file" : "files"))
    }
}
