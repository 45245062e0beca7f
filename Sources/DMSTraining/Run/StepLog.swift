import DMSCheckpoint
import DMSJSON

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The log of a run: one JSON object a line, one line a step.
public struct StepLog {
    /// The file.
    public let path: String
    /// The steps so far.
    public private(set) var records: [StepRecord] = []

    /// Begins a log, or takes up an old one as it was after `step` steps.
    ///
    /// - Throws: `CheckpointError` for a file that cannot be read or written, ``TrainingError`` for a line that is no
    ///   step's or steps that are missing.
    public init(path: String, after step: Int) throws {
        self.path = path
        if step > 0 {
            // Steps that were not saved are done again.
            let text = String(decoding: try MappedFile.contents(ofPath: path, limit: 1 << 30), as: UTF8.self)
            records = try Self.records(text, file: path, limit: step)
            guard records.count == step else {
                throw TrainingError(
                    path, found: "\(records.count) steps", required: "the \(step) steps that the saved state has done")
            }
        }
        let text = records.map { JSONValue.object($0.json).text() + "\n" }.joined()
        try AtomicFile.write(Array(text.utf8), to: path)
    }

    /// The steps of a log's text, its last line left out when a process that was killed wrote half of it.
    ///
    /// - Throws: ``TrainingError`` or `CheckpointError` for a line that is no step's.
    static func records(_ text: String, file: String, limit: Int = .max) throws -> [StepRecord] {
        var lines = text.split(separator: "\n")
        if !text.utf8.isEmpty, text.utf8.last != UInt8(ascii: "\n") { lines.removeLast() }
        return try lines.prefix(limit).map { line in
            guard let object = (try? JSONReader.parse(Array(line.utf8)))?.objectValue else {
                throw TrainingError(file, found: "a line that is no object", required: "one object a line")
            }
            return try StepRecord(object, file: file)
        }
    }

    /// Adds a line.
    ///
    /// - Throws: `CheckpointError` when it cannot be written.
    public mutating func append(_ record: StepRecord) throws {
        records.append(record)
        let line = Array((JSONValue.object(record.json).text() + "\n").utf8)
        let descriptor = open(path, O_WRONLY | O_APPEND | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure() }
        defer { close(descriptor) }
        guard write(descriptor, line, line.count) == line.count else { throw failure() }
    }

    private func failure() -> CheckpointError {
        CheckpointError(file: path, found: String(cString: strerror(errno)), required: "room for the step log")
    }

    /// Training time up to now, interruptions left out.
    public var seconds: Double { records.reduce(0) { $0 + $1.seconds } }
}
