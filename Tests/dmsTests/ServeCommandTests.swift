import DMSTestSupport
import Foundation
import Testing

@Suite("dms serve")
struct ServeCommandTests {
    /// Starts a server, waits until it serves, and stops it.
    private static func serve(_ arguments: String...) async throws -> (status: Int32, error: String) {
        let model = try TinyFolder()
        var all = ["serve", "--model", model.path, "--port", "0", "--model-name", "tiny"]
        all += arguments
        let server = try Command.start(all)
        defer { server.removeFiles() }
        while server.process.isRunning, try !server.error().contains("dms: serving tiny") {
            try await Task.sleep(for: .milliseconds(20))
        }
        let status = try server.stop()
        return (status, try server.error())
    }

    @Test("it says where it serves, and ends with status 0 when told to stop")
    func stop() async throws {
        let result = try await Self.serve()
        #expect(result.status == 0)
        #expect(result.error.contains(/info .*generated_tokens=0 requests=0 seconds=[0-9.]+ .*stopped/))
        #expect(result.error.contains(/dms: serving tiny \(no chats\) on http:\/\/127\.0\.0\.1:[1-9][0-9]*\n/))
    }

    @Test("it starts with guesses, whose streams are none without them")
    func speculation() async throws {
        #expect(try await Self.serve("--speculate", "4", "--speculate-streams", "3").status == 0)
        let refused = try Command.run(["serve", "--speculate-streams", "3"], input: [])
        #expect(refused.status == 64 && refused.error.contains("found without --speculate"))
    }

    @Test("what it cannot serve with ends it with status 1 and a reason")
    func refusals() throws {
        let model = try TinyFolder()
        func refused(_ arguments: String...) throws -> String {
            let result = try Command.run(["serve", "--model", model.path, "--port", "0"] + arguments, input: [])
            #expect(result.status == 1 && result.output.isEmpty)
            return result.error
        }
        #expect(try refused("--model-name", "a b").contains("required 1 to 64 of the characters"))
        #expect(try refused("--chat-template", "llama3").contains("<|start_header_id|>"))
        #expect(try refused("--kv-budget", "1KiB").contains("--kv-budget: found 1024 bytes"))
        #expect(try refused("--host", "192.0.2.1").contains("port 0 of 192.0.2.1: found \"Cannot assign"))
        #expect(try refused("--api-key-file", "/nonexistent").contains("/nonexistent"))
        try model.folder.write("two words\n", to: "keys")
        let keys = try refused("--api-key-file", model.path + "/keys")
        #expect(keys.contains("API key 1") && !keys.contains("two words"))
        #expect(try refused("--host", "256.256.256.256").hasPrefix("dms: error: "))
    }
}
