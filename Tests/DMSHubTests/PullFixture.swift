import DMSTestSupport
import Foundation
import Synchronization

@testable import DMSHub

/// A cache, a stub hub, and pulls from one to the other.
struct PullFixture {
    /// Larger than what counts as progress, so that a connection that breaks in its middle does not.
    static let weights: [UInt8] = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
    static let files: [String: [UInt8]] = [
        "config.json": Array(#"{"model_type": "llama"}"#.utf8), "tokenizer.json": Array("{}".utf8),
        "dms_metadata.json": Array("{ }".utf8), "README.md": Array("readme".utf8), "pytorch_model.bin": [1, 2, 3],
        "model.safetensors": weights,
    ]
    static let quick = RetrySchedule(
        failures: 4, connectionFailures: 2, first: .milliseconds(5), longest: .milliseconds(20),
        longestAsked: .seconds(2))

    let folder: TemporaryFolder
    let hub: StubHub
    let events: EventLog

    init(
        files: [String: [UInt8]] = PullFixture.files, events: EventLog = EventLog(),
        handler: @escaping StubHub.Handler = { _ in nil }
    ) throws {
        self.events = events
        folder = try TemporaryFolder()
        hub = try StubHub(files, handler: handler)
    }

    var layout: CacheLayout {
        get throws { CacheLayout(root: folder.file("hub"), try HubReference(parsing: "owner/name")) }
    }

    func pull(
        _ model: String = "owner/name", output: String? = nil, variables: [String: String] = [:],
        silence: Duration = .seconds(20), retries: RetrySchedule = PullFixture.quick
    ) async throws -> PullResult {
        let variables = ["HF_HOME": folder.path, "HF_ENDPOINT": hub.url].merging(variables) { $1 }
        let transport = AsyncHTTPTransport(connectTimeout: .seconds(5), silenceTimeout: silence)
        do {
            let result = try await ModelPull(
                try HubReference(parsing: model), environment: try HubEnvironment(variables), output: output,
                retries: retries, transport: transport
            ) { events.append($0) }.run()
            await transport.close()
            return result
        } catch {
            await transport.close()
            throw error
        }
    }

    /// The error that a pull ends with.
    func failure(
        _ model: String = "owner/name", output: String? = nil, variables: [String: String] = [:],
        silence: Duration = .seconds(20)
    ) async -> HubError? {
        do {
            _ = try await pull(model, output: output, variables: variables, silence: silence)
            return nil
        } catch {
            return error as? HubError
        }
    }

    func contents(_ path: String) -> [UInt8]? { FileManager.default.contents(atPath: path).map(Array.init) }

    /// What a whole snapshot has, and nothing else.
    func isComplete(_ path: String) -> Bool {
        let names = ["config.json", "dms_metadata.json", "model.safetensors", "tokenizer.json"]
        return names.allSatisfy { contents("\(path)/\($0)") == Self.files[$0] }
            && (try? FileManager.default.contentsOfDirectory(atPath: path).sorted()) == names
    }

    /// Puts bytes where an interrupted download would have left them.
    func leavePartial(_ bytes: some Sequence<UInt8>) throws {
        let path = try layout.partial(StubHub.digest("model.safetensors", Self.weights))
        try FileManager.default.createDirectory(
            at: URL(fileURLWithPath: path).deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: URL(fileURLWithPath: path))
    }

    var partialCount: Int? {
        get throws {
            FileSystem.length(of: try layout.partial(StubHub.digest("model.safetensors", Self.weights)))
        }
    }

    /// Requests for the weights.
    var weightRequests: [StubHub.Request] { hub.requests.filter { $0.path.hasSuffix("/model.safetensors") } }
}

final class EventLog: Sendable {
    private let events = Mutex<[PullEvent]>([])

    func append(_ event: PullEvent) { events.withLock { $0.append(event) } }

    /// Bytes of a file that came over the network, over all attempts.
    func received(_ file: String) -> Int {
        events.withLock { events in
            events.reduce(0) { sum, event in
                if case .received(file, let bytes) = event { sum + bytes } else { sum }
            }
        }
    }

    var plan: PullPlan? {
        events.withLock { events in
            for case .planned(let plan) in events { return plan }
            return nil
        }
    }

    var retries: Int {
        events.withLock { $0.count { if case .retrying = $0 { true } else { false } } }
    }
}
