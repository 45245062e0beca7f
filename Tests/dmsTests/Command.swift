import DMSJSON
import Foundation

/// Runs the built binary.
enum Command {
    struct Result {
        let status: Int32
        let output: String
        let error: String

        /// Standard output, which has to be one JSON object.
        func object() throws -> JSONObject {
            guard let object = try JSONReader.parse(Array(output.utf8)).objectValue else {
                throw CommandError(description: "no JSON object: \(output)")
            }
            return object
        }
    }

    struct CommandError: Error, CustomStringConvertible {
        let description: String
    }

    /// The binary lies beside the test bundle.
    private static func binary() throws -> URL {
        let tests = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        for folder in [tests, Bundle.main.bundleURL, Bundle.main.executableURL].compactMap({ $0 }) {
            var candidate = folder
            for _ in 0..<4 {
                candidate.deleteLastPathComponent()
                let binary = candidate.appendingPathComponent("dms")
                var isFolder: ObjCBool = false
                if FileManager.default.fileExists(atPath: binary.path, isDirectory: &isFolder), !isFolder.boolValue {
                    return binary
                }
            }
        }
        throw CommandError(description: "no binary dms beside \(tests.path)")
    }

    /// A run that goes on until it is told to stop.
    struct Running {
        let process: Process
        private let folder: URL

        fileprivate init(_ arguments: [String]) throws {
            folder = FileManager.default.temporaryDirectory.appendingPathComponent("dms-" + UUID().uuidString)
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            let log = folder.appendingPathComponent("err")
            try Data().write(to: log)
            process = Process()
            process.executableURL = try binary()
            process.arguments = arguments
            process.standardError = try FileHandle(forWritingTo: log)
            try process.run()
        }

        /// What it has said on standard error so far.
        func error() throws -> String {
            String(decoding: try Data(contentsOf: folder.appendingPathComponent("err")), as: UTF8.self)
        }

        /// Sends SIGTERM and waits.
        func stop() throws -> Int32 {
            process.terminate()
            process.waitUntilExit()
            return process.terminationStatus
        }

        func removeFiles() { try? FileManager.default.removeItem(at: folder) }
    }

    static func start(_ arguments: [String]) throws -> Running { try Running(arguments) }

    /// Runs `dms` with arguments and input, and waits.
    static func run(_ arguments: String..., input: String = "") throws -> Result {
        try run(arguments, input: Array(input.utf8))
    }

    /// Runs `dms` and kills it after some seconds, if it has not ended by then.
    static func killed(_ arguments: [String], after seconds: Double) throws {
        let process = Process()
        process.executableURL = try binary()
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        Thread.sleep(forTimeInterval: seconds)
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        process.waitUntilExit()
    }

    /// - Parameters:
    ///   - environment: Variables beside those of this process.
    ///   - directory: Where it runs; `nil` for where this process does.
    static func run(
        _ arguments: [String], input: [UInt8], environment: [String: String] = [:], directory: String? = nil
    ) throws -> Result {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("dms-" + UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let files = ["in", "out", "err"].map { folder.appendingPathComponent($0) }
        try Data(input).write(to: files[0])
        for file in files[1...] { try Data().write(to: file) }
        let process = Process()
        process.executableURL = try binary()
        process.arguments = arguments
        if let directory { process.currentDirectoryURL = URL(fileURLWithPath: directory) }
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = try FileHandle(forReadingFrom: files[0])
        process.standardOutput = try FileHandle(forWritingTo: files[1])
        process.standardError = try FileHandle(forWritingTo: files[2])
        try process.run()
        process.waitUntilExit()
        return Result(
            status: process.terminationStatus, output: String(decoding: try Data(contentsOf: files[1]), as: UTF8.self),
            error: String(decoding: try Data(contentsOf: files[2]), as: UTF8.self))
    }
}
