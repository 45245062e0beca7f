import ArgumentParser
import DMSHub
import DMSJSON

struct PullCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pull",
        abstract: "Fetch a model from a hub, or bring it up to date.",
        discussion: """
            \(HubOptions.explanation) 'dms pull' always asks what the revision means now, and fetches what has changed.

            What is fetched: config.json, generation_config.json, the tokenizer's files, the weights in safetensors, \
            dms_metadata.json and training_log.json, each verified by the digest that the hub states. Never pickles. A \
            download that was interrupted, even by SIGKILL, goes on where it ended.

            The cache is the one of the hub's own tools: HF_HUB_CACHE, else HF_HOME/hub, else ~/.cache/huggingface/hub. \
            HF_ENDPOINT names another hub; --endpoint wins over it. A token comes from --token-file, else HF_TOKEN, else \
            the file HF_TOKEN_PATH, else HF_HOME/token; it is sent to the hub alone, never where that redirects to. \
            HF_HUB_OFFLINE=1 forbids the network.

            The folder is printed on standard output. With --json: model, revision, commit, path, endpoint, files (name, \
            bytes, and sha256 or git_blob), bytes, received_bytes, seconds.

              dms pull OWNER/NAME
              dms pull OWNER/NAME --revision v1.0 --output folder
              dms generate "Hello" --model OWNER/NAME --offline
            """)

    @Argument(help: ArgumentHelp("OWNER/NAME, or OWNER/NAME@REVISION.", valueName: "model"))
    var model: String

    @Option(help: ArgumentHelp("A branch, a tag or a commit. (default: main)", valueName: "revision"))
    var revision: String?

    @Option(help: ArgumentHelp("A folder to make, in place of the cache.", valueName: "dir"))
    var output: String?

    @Option(help: ArgumentHelp("The hub. (default: HF_ENDPOINT, else the public one)", valueName: "url"))
    var endpoint: String?

    @Option(help: ArgumentHelp("A file that holds a token.", valueName: "file"))
    var tokenFile: String?

    @Option(help: ArgumentHelp("Files at a time.", valueName: "count"))
    var parallel = 4

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        guard (1...64).contains(parallel) else {
            throw ValidationError("--parallel: found \(parallel), required 1 to 64")
        }
        if output == "" { throw ValidationError("--output: found an empty path, required a folder") }
        _ = try settings()
    }

    func run() throws {
        let (reference, environment) = try settings()
        let display = PullDisplay()
        let pull = ModelPull(reference, environment: environment, output: output, parallelFiles: parallel) {
            display.show($0)
        }
        // Also when it fails, so that the message has a line of its own.
        defer { display.finish() }
        let result = try Waiting.result { try await pull.run() }
        display.finish()
        try Console.write(json ? Self.json(result).text() + "\n" : result.path + "\n")
    }

    /// Wrong names and addresses are wrong options.
    private func settings() throws -> (HubReference, HubEnvironment) {
        do {
            return (
                try HubReference(parsing: model, revision: revision),
                try HubEnvironment(HubEnvironment.variables, endpoint: endpoint, tokenFile: tokenFile)
            )
        } catch {
            throw ValidationError("\(error)")
        }
    }

    private static func json(_ result: PullResult) -> JSONValue {
        let plan = result.plan
        let files: [JSONValue] = plan.files.map { file in
            let digest =
                switch file.digest {
                case .sha256: "sha256"
                case .gitBlob: "git_blob"
                }
            var object = JSONObject(["name": .string(file.name), "bytes": .count(file.size)])
            object[digest] = .string(file.digest.hexadecimal)
            return .object(object)
        }
        return .object(
            JSONObject([
                "model": .string(plan.reference.repository), "revision": .string(plan.reference.revision),
                "commit": .string(plan.commit), "path": .string(plan.path), "endpoint": .string("\(plan.endpoint)"),
                "files": .array(files), "bytes": .count(plan.totalBytes),
                "received_bytes": .count(result.receivedBytes), "seconds": .number(result.seconds),
            ]))
    }
}
