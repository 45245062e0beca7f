import Foundation
import Testing

@testable import DMSCheckpoint

@Suite struct AtomicFileTests {
    private let directory = TemporaryDirectory()

    @Test func writesAndReplaces() throws {
        let path = directory.file("a.json")
        try AtomicFile.write(Array("old".utf8), to: path)
        #expect(directory.contents("a.json") == Array("old".utf8))
        try AtomicFile.write(Array("newer".utf8), to: path)
        #expect(directory.contents("a.json") == Array("newer".utf8))
        #expect(directory.names == ["a.json"])
    }

    @Test func buffersWithoutLosingOrder() throws {
        var expected: [UInt8] = []
        try AtomicFile.write(to: directory.file("x")) { (output: inout FileOutput) throws(CheckpointError) in
            for (round, count) in [1, 0, 1000, 1 << 18, 7, (1 << 18) + 1, 200_000, 200_000, 3].enumerated() {
                let piece = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ round) }
                expected += piece
                if round % 2 == 0 {
                    try output.append(piece)
                } else {
                    try piece.withUnsafeBufferPointer { (piece) throws(CheckpointError) in
                        try output.append(UnsafeRawBufferPointer(piece))
                    }
                }
                guard output.count == expected.count else {
                    throw CheckpointError(file: "x", found: "\(output.count)", required: "\(expected.count)")
                }
            }
        }
        #expect(directory.contents("x") == expected)
    }

    /// Until the last moment the old file stands; a process killed while writing would leave exactly this.
    @Test func showsTheOldFileUntilTheNewOneIsWhole() throws {
        let path = directory.write("old", "a")
        try AtomicFile.write(to: path) { (output: inout FileOutput) throws(CheckpointError) in
            try output.append([UInt8](repeating: 1, count: 1 << 20))
            try output.flush()
            #expect(TemporaryDirectory.contents(path) == Array("old".utf8))
            let partial = directory.names.filter { $0 != "a" }
            #expect(partial.count == 1)
            #expect(partial.first?.hasPrefix(".a.partial-\(getpid())-") == true)
        }
        #expect(directory.contents("a").count == 1 << 20)
        #expect(directory.names == ["a"])
    }

    @Test func leavesTheOldFileWhenTheBodyFails() {
        let path = directory.write("old", "a")
        expectError(file: "b", nil, found: "f", required: "r") { () throws(CheckpointError) in
            try AtomicFile.write(to: path) { (output: inout FileOutput) throws(CheckpointError) in
                try output.append([UInt8](repeating: 1, count: 1 << 20))
                throw CheckpointError(file: "b", found: "f", required: "r")
            }
        }
        #expect(directory.contents("a") == Array("old".utf8))
        #expect(directory.names == ["a"])
    }

    @Test func namesThePathItCannotWrite() throws {
        let missing = directory.file("none/a")
        expectError(file: "none/a", nil, found: "No such file or directory (errno 2)", required: "writable directory") {
            () throws(CheckpointError) in try AtomicFile.write([1], to: missing)
        }
        try FileManager.default.createDirectory(
            atPath: directory.file("folder/inner"), withIntermediateDirectories: true)
        expectError(file: "/folder", nil, found: "while renaming", required: "replaceable file") {
            () throws(CheckpointError) in try AtomicFile.write([1], to: directory.file("folder"))
        }
        #expect(directory.names == ["folder"])
        expectError(file: "folder/", nil, found: "no file name", required: "path of a file") {
            () throws(CheckpointError) in try AtomicFile.write([1], to: directory.file("folder/"))
        }
    }

    @Test func replacesALinkAndNotItsTarget() throws {
        directory.write("target", "target")
        try FileManager.default.createSymbolicLink(atPath: directory.file("link"), withDestinationPath: "target")
        try AtomicFile.write(Array("new".utf8), to: directory.file("link"))
        #expect(directory.contents("target") == Array("target".utf8))
        #expect(directory.contents("link") == Array("new".utf8))
    }

    /// `/dev/full` refuses every byte as a full disk does.
    @Test(.enabled(if: FileManager.default.fileExists(atPath: "/dev/full"))) func reportsAFullDisk() throws {
        let descriptor = open("/dev/full", O_WRONLY)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        expectError(file: "/models/x", nil, found: "No space left on device", required: "room") {
            () throws(CheckpointError) in
            var output = FileOutput(descriptor: descriptor, path: "/models/x")
            try output.append([1, 2, 3])
            try output.flush()
        }
        expectError(file: "/models/x", nil, found: "No space left on device", required: "room") {
            () throws(CheckpointError) in
            var output = FileOutput(descriptor: descriptor, path: "/models/x")
            try output.append([UInt8](repeating: 0, count: 1 << 20))
        }
    }
}
