import DMSEngine
import Dispatch
import Foundation
import Synchronization

/// Continues every line of its input until that ends: `ask FOLDER`.
@main
struct Ask {
    /// What Ctrl-C ends; without it, the program.
    private static let running = Mutex<TextStream?>(nil)

    static func main() async {
        guard CommandLine.arguments.count == 2 else {
            note("usage: ask FOLDER")
            exit(64)
        }
        // A signal's handler may do next to nothing; that of a source is called on a queue.
        signal(SIGINT, SIG_IGN)
        let interrupts = DispatchSource.makeSignalSource(signal: SIGINT)
        // Sendable, or it would be the main actor's as `main` is, whose thread waits for a line.
        interrupts.setEventHandler { @Sendable in
            guard let stream = running.withLock({ $0 }) else { exit(130) }
            stream.cancel()
        }
        interrupts.activate()
        do {
            let engine = try Engine(directory: CommandLine.arguments[1])
            show("> ")
            while let line = readLine() {
                do {
                    try await answer(line, engine)
                } catch {
                    // Errors of the library name what was found and what is required.
                    note("ask: \(error)")
                }
                show("> ")
            }
            await engine.shutDown()
        } catch {
            note("ask: \(error)")
            exit(1)
        }
    }

    static func answer(_ text: String, _ engine: Engine) async throws {
        let stream = try engine.stream(
            text, maximumTokens: 64, sampling: SamplingParameters(temperature: 0.7, topP: 0.9, seed: 7),
            stopStrings: ["\n"], reportsCache: true)
        running.withLock { $0 = stream }
        defer { running.withLock { $0 = nil } }
        for try await piece in stream { show(piece) }
        show("\n")
        guard let summary = stream.summary, let cache = stream.cache else { return }
        note(
            "\(summary.promptTokens) + \(summary.generatedTokens) tokens (\(summary.reason.rawValue)); "
                + "\(cache.liveBytes) bytes alive, \(cache.denseBytes) in a dense cache: one token of "
                + String(format: "%.1f", cache.liveRatio))
    }

    static func show(_ text: String) { FileHandle.standardOutput.write(Data(text.utf8)) }

    static func note(_ line: String) { FileHandle.standardError.write(Data("\(line)\n".utf8)) }
}
