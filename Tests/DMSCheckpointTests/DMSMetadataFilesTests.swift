import DMSJSON
import DMSPolicy
import DMSTestSupport
import Foundation
import Testing

@testable import DMSCheckpoint

@Suite("DMS metadata: files")
struct DMSMetadataFilesTests {
    private func sample(weights: WeightsDigest? = nil) throws -> DMSMetadata {
        DMSMetadata(
            configuration: try DMSConfiguration(
                source: .borrowedQueryChannel, channel: BorrowedChannel(index: 3), decisionShift: 1, zeroing: .none,
                windowSize: 12, windowInclusive: false, alphaScale: 0.1, alphaOffset: -2.5),
            profile: .nvidia, targetRatio: 8, contextLength: 1024, compressionMode: "l2", baseModel: "tiny \"base\"",
            weights: weights,
            training: JSONObject(["seed": .integer(7), "rates": .array([.number(0.5), .number(1e-5)])]),
            measured: JSONObject(["kld": .number(0.02)]))
    }

    private func sameStatements(_ left: DMSMetadata, _ right: DMSMetadata) -> Bool {
        left.json == right.json && left.configuration == right.configuration
    }

    @Test("What is written is read back, alone and beside its config.json")
    func roundTrip() throws {
        let directory = try TemporaryFolder()
        let written = try sample()
        try written.write(toDirectory: directory.path)
        let alone = try #require(try DMSMetadata.read(directory: directory.path, config: JSONObject()))
        #expect(sameStatements(alone, written))
        #expect(alone.origins[.channel] == .file(directory.path + "/dms_metadata.json", key: "channel"))
        let beside = try #require(try DMSMetadata.read(directory: directory.path, config: written.configKeys()))
        #expect(sameStatements(beside, written))
        unlink(directory.path + "/dms_metadata.json")
        let config = try #require(try DMSMetadata.read(directory: directory.path, config: written.configKeys()))
        #expect(config.configuration == written.configuration)
        #expect(config.targetRatio == 8)
    }

    @Test("The published keys come first, under their names and in their form")
    func publishedKeys() throws {
        let json = try sample().json
        #expect(
            json.keys.prefix(7) == [
                "window_size", "alpha_scale", "alpha_offset", "target_cr", "context_len", "compression_mode",
                "format_version",
            ])
        #expect(json["alpha_scale"] == .number(0.1))
        #expect(json["target_cr"] == .integer(8))
        #expect(try sample().configKeys()["dms_cr"] == .integer(8))
        #expect(try sample().configKeys().keys.allSatisfy { $0.hasPrefix("dms_") })
    }

    @Test("Every 32-bit scale survives being written")
    func scales() throws {
        var bits: UInt32 = 0x0080_0000
        while bits < 0x7F80_0000 {
            let scale = Float(bitPattern: bits)
            let metadata = DMSMetadata(
                configuration: try DMSConfiguration(
                    profile: .fastdms, windowSize: 1, alphaScale: scale, alphaOffset: -scale), profile: .fastdms)
            let text = JSONValue.object(metadata.json).text()
            let read = try #require(try resolveDMS(text))
            #expect(read.configuration == metadata.configuration)
            bits += 12_345_679
        }
    }

    @Test("A metadata file that cannot be read is an error and not a plain model")
    func unreadable() throws {
        let directory = try TemporaryFolder()
        let file = directory.path + "/dms_metadata.json"
        #expect(try DMSMetadata.read(directory: directory.path, config: JSONObject()) == nil)
        symlink("nowhere", file)
        let dangling = #expect(throws: CheckpointError.self) {
            try DMSMetadata.read(directory: directory.path, config: JSONObject())
        }
        #expect(dangling?.file == file)
        unlink(file)
        for text in ["", "{", "[]", "{\"window_size\": 1, \"window_size\": 2}", "null"] {
            try directory.write(text, to: "dms_metadata.json")
            let error = #expect(throws: CheckpointError.self) {
                try DMSMetadata.read(directory: directory.path, config: JSONObject())
            }
            #expect(error?.file == file)
        }
    }

    @Test("Weights are recognised by their content, and others refused with file and key")
    func weights() throws {
        let directory = try TemporaryFolder()
        try directory.write("abc", to: "model.safetensors")
        let digest = try WeightsDigest(directory: directory.path)
        #expect(digest.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(digest.byteCount == 3)
        try sample(weights: digest).write(toDirectory: directory.path)
        let metadata = try #require(try DMSMetadata.read(directory: directory.path, config: JSONObject()))
        #expect(try metadata.verifyWeights(in: directory.path) == .verified)
        #expect(try sample().verifyWeights(in: directory.path) == .notStated)

        try directory.write("abd", to: "model.safetensors")
        let content = try #require(throws: CheckpointError.self) {
            try metadata.verifyWeights(in: directory.path)
        }
        #expect(content.file == directory.path + "/dms_metadata.json")
        #expect(content.subject == .key("weights_sha256"))
        try directory.write("abcd", to: "model.safetensors")
        let length = try #require(throws: CheckpointError.self) {
            try metadata.verifyWeights(in: directory.path)
        }
        #expect(length.subject == .key("weights_bytes"))
        unlink(directory.path + "/model.safetensors")
        #expect(throws: CheckpointError.self) { try metadata.verifyWeights(in: directory.path) }
    }

    @Test("Weights of any size are hashed: one changed byte in more than 256 MiB is refused")
    func largeWeights() throws {
        let directory = try TemporaryFolder()
        let path = directory.path + "/model.safetensors"
        // A file with a hole, which takes no room on the disk.
        let length = (256 << 20) + 12_345
        try directory.write("", to: "model.safetensors")
        #expect(truncate(path, off_t(length)) == 0)
        let digest = try WeightsDigest(directory: directory.path)
        // head -c 268447801 /dev/zero | sha256sum
        #expect(digest.sha256 == "25020d9458d68a4237e1667409a8c232858904f2146293b2a07936ddce7b4b22")
        let metadata = try sample(weights: digest)
        #expect(try metadata.verifyWeights(in: directory.path) == .verified)
        let file = try #require(fopen(path, "r+b"))
        fseek(file, length / 2, SEEK_SET)
        fputc(1, file)
        fclose(file)
        let error = try #require(throws: CheckpointError.self) { try metadata.verifyWeights(in: directory.path) }
        #expect(error.file == directory.path + "/dms_metadata.json")
        #expect(error.subject == .key("weights_sha256"))
    }

    @Test("Shards are hashed in the order of their names")
    func shards() throws {
        let directory = try TemporaryFolder()
        try directory.write("second", to: "model-2.safetensors")
        try directory.write("first", to: "model-1.safetensors")
        try directory.write("third", to: "unrelated.safetensors")
        try directory.write(
            #"{"weight_map": {"a": "model-2.safetensors", "b": "model-1.safetensors", "c": "model-2.safetensors"}}"#,
            to: "model.safetensors.index.json")
        let digest = try WeightsDigest(directory: directory.path)
        #expect(digest.byteCount == 11)
        #expect(digest.sha256 == SHA256.hexDigest(of: SHA256.hexDigest(of: "first") + SHA256.hexDigest(of: "second")))
        // sha256sum model-*.safetensors | cut -c1-64 | tr -d '\n' | sha256sum
        #expect(digest.sha256 == "957e03e392a5b9f4efceb24cdfa3dadba11bca984f69efe831f98c0895e809a7")
    }
}

@Suite("DMS metadata: model directories")
struct DMSMetadataModelTests {
    private func model(_ folder: TemporaryFolder, _ metadata: String) throws -> ModelDirectory {
        try TinyCheckpoint().write(to: folder.path)
        try folder.write(metadata, to: "dms_metadata.json")
        return try ModelDirectory.open(path: folder.path)
    }

    @Test("A checkpoint with its own digest is accepted, another one's is refused")
    func digest() throws {
        let folder = try TemporaryFolder()
        let plain = try model(folder, #"{"window_size": 8, "alpha_scale": 100, "alpha_offset": 5}"#)
        let configuration = try #require(try plain.dmsMetadata()).configuration
        let weights = try WeightsDigest(directory: folder.path)
        try DMSMetadata(configuration: configuration, profile: .fastdms, weights: weights)
            .write(toDirectory: folder.path)
        #expect(try plain.dmsMetadata()?.weightsSHA256 == weights.sha256)
        var other = TinyCheckpoint()
        other.seed = 2
        try other.write(to: folder.path)
        let error = try #require(throws: CheckpointError.self) {
            try ModelDirectory.open(path: folder.path).dmsMetadata()
        }
        #expect(error.file == folder.file("dms_metadata.json"))
        #expect(error.subject == .key("weights_sha256"))
    }

    @Test("A channel that heads do not have is refused by key, and means nothing to an adapter")
    func channel() throws {
        let folder = try TemporaryFolder()
        let numbers = #""window_size": 8, "alpha_scale": 100, "alpha_offset": 5, "channel": 8"#
        let model = try model(folder, "{\(numbers)}")
        let error = try #require(throws: CheckpointError.self) { try model.dmsMetadata() }
        #expect(error.file == folder.file("dms_metadata.json"))
        #expect(error.subject == .key("channel"))
        let adapter = try self.model(folder, "{\(numbers), \"decision_source\": \"adapter\"}")
        #expect(try adapter.dmsMetadata()?.configuration.source == .adapter)
        #expect(try DMSMetadata.read(directory: folder.path, config: model.configuration.raw) != nil)
    }
}

@Suite("DMS metadata: golden checkpoint")
struct DMSMetadataGoldenTests {
    @Test("Both files of the published form are read and agree", .enabled(if: SharedFiles.areAvailable))
    func golden() throws {
        let model = try ModelDirectory.open(path: SharedFiles.path("models/wiki-llama-8m-dms-synthetic"))
        let metadata = try #require(try model.dmsMetadata())
        #expect(
            metadata.configuration
                == (try DMSConfiguration(profile: .fastdms, windowSize: 64, alphaScale: 100, alphaOffset: 5)))
        #expect(metadata.targetRatio == 8)
        #expect(metadata.contextLength == 1024)
        #expect(metadata.compressionMode == nil)
        #expect(metadata.origins[.profile] == .convention)
        #expect(try metadata.verifyWeights(in: model.path) == .notStated)
        let base = try ModelDirectory.open(path: SharedFiles.path("models/wiki-llama-8m"))
        #expect(try base.dmsMetadata() == nil)
    }
}
