import DMSJSON
import DMSTestSupport
import Testing

@testable import DMSHub

@Suite("What a hub lists, and which of it is fetched")
struct ListingTests {
    static let commit = String(repeating: "0a", count: 20)
    static let blob = String(repeating: "b", count: 40)
    static let sha256 = String(repeating: "c", count: 64)

    private func listing(_ names: [String]) throws -> HubListing {
        let files = names.map {
            $0.hasSuffix(".safetensors")
                ? #"{"rfilename": "\#($0)", "size": 7, "lfs": {"sha256": "\#(Self.sha256)", "size": 7, "pointerSize": 1}}"#
                : #"{"rfilename": "\#($0)", "size": 3, "blobId": "\#(Self.blob)"}"#
        }
        let text = #"{"sha": "\#(Self.commit)", "siblings": [\#(files.joined(separator: ","))]}"#
        return try HubListing(parsing: Array(text.utf8), place: "https://h")
    }

    @Test("the files of a checkpoint in one file, and nothing else")
    func oneFile() throws {
        let names = [
            ".gitattributes", "README.md", "config.json", "tokenizer.json", "model.safetensors", "pytorch_model.bin",
            "consolidated.safetensors", "original/consolidated.00.pth", "original/config.json", "evil.py",
            "dms_metadata.json", "training_log.json", "generation_config.json", "onnx/model.onnx", "tokenizer.model",
            "special_tokens_map.json", "tokenizer_config.json", "chat_template.jinja",
        ]
        let selection = try CheckpointFiles.selection(from: try listing(names), shards: nil)
        #expect(
            selection.map(\.name) == [
                "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json",
                "special_tokens_map.json", "chat_template.jinja", "dms_metadata.json", "training_log.json",
                "model.safetensors",
            ])
        #expect(selection.last?.size == 7)
        #expect(selection.last?.digest == .sha256(Self.sha256))
        #expect(selection.first?.digest == .gitBlob(Self.blob))
    }

    @Test("with an index exactly its files, and the index last")
    func shards() throws {
        let names = [
            "config.json", "model.safetensors", "model-1.safetensors", "model-2.safetensors", "model-3.safetensors",
            "model.safetensors.index.json",
        ]
        let listing = try listing(names)
        let selection = try CheckpointFiles.selection(
            from: listing, shards: ["model-1.safetensors", "model-3.safetensors"])
        #expect(
            selection.map(\.name) == [
                "config.json", "model-1.safetensors", "model-3.safetensors", "model.safetensors.index.json",
            ])
        #expect(throws: HubError.self) { try CheckpointFiles.selection(from: listing, shards: ["model-9.safetensors"]) }
    }

    @Test("a repository without safetensors is refused, and pickles by name")
    func pickles() throws {
        let pickle = try listing(["config.json", "pytorch_model.bin"])
        let error = #expect(throws: HubError.self) { try CheckpointFiles.selection(from: pickle, shards: nil) }
        #expect(error?.description.contains("pytorch_model.bin") == true)
        #expect(error?.description.contains("never fetched") == true)
        let nothing = try listing(["model.safetensors"])
        #expect(throws: HubError.self) { try CheckpointFiles.selection(from: nothing, shards: nil) }
    }

    @Test(
        "names that lead out of the folder condemn the listing",
        arguments: [
            "../config.json", "/etc/passwd", "a/../../b", "a//b", "./config.json", "a/.", "", "a\\\\b", "a\\u0000",
            "a\\nb", "..",
        ])
    func hostileNames(name: String) {
        #expect(throws: HubError.self) { try listing(["config.json", "model.safetensors", name]) }
    }

    @Test(
        "a listing that makes no sense is refused",
        arguments: [
            "", "[]", "{}", "{\"sha\": 1, \"siblings\": []}", "{\"sha\": \"main\", \"siblings\": []}",
            "{\"sha\": \"../../..\", \"siblings\": []}", "{\"sha\": \"COMMIT\"}",
            "{\"sha\": \"COMMIT\", \"siblings\": [1]}", "{\"sha\": \"COMMIT\", \"siblings\": [{\"size\": 1}]}",
            "{\"sha\": \"COMMIT\", \"siblings\": [{\"rfilename\": \"a\"}, {\"rfilename\": \"a\"}]}",
        ])
    func nonsense(text: String) {
        let text = text.replacing("COMMIT", with: Self.commit)
        #expect(throws: HubError.self) { try HubListing(parsing: Array(text.utf8), place: "https://h") }
    }

    @Test(
        "a file without size or digest, or with one that is no digest, is refused when it is needed",
        arguments: [
            #""size": 3"#, #""blobId": "BLOB""#, #""size": -1, "blobId": "BLOB""#,
            #""size": 9223372036854775807, "blobId": "BLOB""#, #""size": 3, "blobId": "../../x""#,
            #""size": 1e3, "blobId": "BLOB""#, #""size": 3, "lfs": {"sha256": "BLOB", "size": 3}, "blobId": "BLOB""#,
        ])
    func badDetails(details: String) throws {
        let details = details.replacing("BLOB", with: Self.blob)
        let text = #"{"sha": "\#(Self.commit)", "siblings": [{"rfilename": "config.json", \#(details)}]}"#
        let listing = try HubListing(parsing: Array(text.utf8), place: "https://h")
        let error = #expect(throws: HubError.self) { try CheckpointFiles.selection(from: listing, shards: nil) }
        #expect(error?.found.hasPrefix("config.json without") == true)
    }
}
