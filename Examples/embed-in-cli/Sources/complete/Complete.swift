import DMSEngine
import Foundation

/// A command of one's own that continues a text: `complete FOLDER TEXT [TOKENS]`.
@main
struct Complete {
    static func main() async {
        let arguments = CommandLine.arguments.dropFirst().map { $0 }
        guard (2...3).contains(arguments.count), let tokens = arguments.count == 3 ? Int(arguments[2]) : 64 else {
            note("usage: complete FOLDER TEXT [TOKENS]")
            exit(64)
        }
        do {
            try await complete(arguments[1], modelFolder: arguments[0], tokens: tokens)
        } catch {
            // Errors of the library name what was found and what is required.
            note("complete: \(error)")
            exit(1)
        }
    }

    static func complete(_ text: String, modelFolder: String, tokens: Int) async throws {
        let engine = try Engine(directory: modelFolder)
        let stream = try engine.stream(text, maximumTokens: tokens)
        for try await piece in stream {
            FileHandle.standardOutput.write(Data(piece.utf8))
        }
        FileHandle.standardOutput.write(Data("\n".utf8))
        if let summary = stream.summary {
            note("\(summary.promptTokens) + \(summary.generatedTokens) tokens (\(summary.reason.rawValue))")
        }
    }

    static func note(_ line: String) { FileHandle.standardError.write(Data("\(line)\n".utf8)) }
}
