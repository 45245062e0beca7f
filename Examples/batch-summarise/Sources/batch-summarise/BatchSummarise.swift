import DMSEngine
import Foundation

/// Asks a model about every text of a folder, many at a time in one cache with a bound.
///
/// What comes out is a continuation of the template with the text in it: a summary from a model that was taught to give
/// one, and from a base model whatever it thinks comes next.
@main
struct BatchSummarise {
    /// Files that are open at a time; how many of them are computed together is the engine's business.
    private static let filesAtATime = 32

    static func main() async {
        do {
            let options = try Options(Array(CommandLine.arguments.dropFirst()))
            let failed = try await run(options)
            exit(failed == 0 ? 0 : 1)
        } catch {
            note("batch-summarise: \(error)")
            exit(error is Usage ? 64 : 1)
        }
    }

    /// - Returns: Files that could not be continued.
    private static func run(_ options: Options) async throws -> Int {
        let engine = try Engine(
            directory: options.model,
            configuration: EngineConfiguration(
                kvType: .bfloat16, budgetBytes: options.budget, maximumWaiting: filesAtATime))
        var files = try FileManager.default.contentsOfDirectory(atPath: options.folder).sorted()
            .filter { $0.hasSuffix(".txt") && !$0.hasSuffix(Options.suffix) }[...]
        return await withTaskGroup(of: Bool.self) { group in
            for name in files.prefix(filesAtATime) { group.addTask { await succeeds(name, options, engine) } }
            files = files.dropFirst(filesAtATime)
            var failed = 0
            for await success in group {
                if !success { failed += 1 }
                if let name = files.popFirst() { group.addTask { await succeeds(name, options, engine) } }
            }
            return failed
        }
    }

    /// One file that is too long, or no text, does not keep the others from being read.
    private static func succeeds(_ name: String, _ options: Options, _ engine: Engine) async -> Bool {
        let path = options.folder + "/" + name
        do {
            let text = try String(contentsOfFile: path, encoding: .utf8)
            let prompt = options.template.replacingOccurrences(of: "{text}", with: text)
            let stream = try engine.stream(prompt, maximumTokens: options.tokens, stopStrings: options.stops)
            let answer = try await stream.reduce(into: "") { $0 += $1 }
            // Written beside and renamed: whoever looks finds a whole answer or none.
            try Data((answer + "\n").utf8).write(
                to: URL(fileURLWithPath: path.dropLast(".txt".count) + Options.suffix), options: .atomic)
            print("\(name): \(stream.summary?.generatedTokens ?? 0) tokens")
            return true
        } catch {
            note("\(name): \(error)")
            return false
        }
    }

    static func note(_ line: String) { FileHandle.standardError.write(Data("\(line)\n".utf8)) }
}
