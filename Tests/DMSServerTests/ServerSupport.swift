import DMSCheckpoint
import DMSEngine
import DMSJSON
import DMSModel
import DMSPolicy
import DMSTestSupport
import DMSTokenizer
import Foundation
import HTTPTypes
import Logging
import Testing

@testable import DMSServer

/// Small servers with random weights, and what clients say to them.
enum Serving {
    static let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    static let chatML = ["<|im_start|>", "<|im_end|>"]
    static let llama3 = ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]

    static func tokenizer(_ specials: [String] = []) throws -> Tokenizer {
        try Tokenizer(json: Array(JSONValue.object(ByteTokenizer.file(adding: specials)).text().utf8))
    }

    /// - Parameters:
    ///   - specials: Special tokens beside those of every text.
    ///   - budget: Bytes of the whole engine.
    ///   - shift: Which token decides.
    ///   - sessions: Where conversations are saved.
    static func model(
        specials: [String] = chatML, budget: Int? = nil, running: Int = 8, waiting: Int = 64, shift: Int = 0,
        sessions: SessionFolder? = nil
    ) throws -> ServedModel {
        let tokenizer = try tokenizer(specials)
        let shape = try TinyModel.configuration(vocabulary: tokenizer.vocabularySize)
        let dms = try DMSConfiguration(
            source: .borrowedQueryChannel, channel: .last, decisionShift: shift, zeroing: .beforeRope, windowSize: 16,
            windowInclusive: true, alphaScale: 100, alphaOffset: 5)
        let engine = try Engine(
            try TinyModel.make(shape, dms: dms, seed: 3), tokenizer: tokenizer,
            configuration: EngineConfiguration(
                slotsPerPage: 4, rowsPerBlock: 8, budgetBytes: budget, tokensPerStep: 40, maximumRunning: running,
                maximumWaiting: waiting), sessions: sessions)
        return try ServedModel(name: "tiny", engine: engine)
    }

    static func server(
        _ model: ServedModel, _ configuration: ServerConfiguration? = nil, logger: Logger = silent
    ) throws -> ModelServer {
        ModelServer(model, configuration: try configuration ?? ServerConfiguration(), logger: logger)
    }

    /// Runs a body with a client of a server, in this process and without a network.
    static func withClient(
        _ model: ServedModel? = nil, _ configuration: ServerConfiguration? = nil,
        _ body: @Sendable (Client) async throws -> Void
    ) async throws {
        let model = try model ?? self.model()
        let server = try server(model, configuration)
        try await body(Client(server))
        await model.engine.shutDown()
    }
}

/// A client that speaks JSON.
struct Client: Sendable {
    let model: ServedModel
    private let exchange: InProcessExchange

    init(_ server: ModelServer, logger: Logger = Serving.silent) {
        model = server.model
        exchange = InProcessExchange(server, logger: logger)
    }

    struct Answer: Sendable {
        let status: Int
        let headers: HTTPFields
        let text: String

        var json: JSONObject {
            get throws { try #require(try JSONReader.parse(text).objectValue, "no JSON object: \(text)") }
        }

        /// The objects of a stream, and whether it ended as it should.
        var events: [JSONObject] {
            get throws {
                let blocks = text.components(separatedBy: "\n\n").filter { !$0.isEmpty }
                #expect(blocks.last == "data: [DONE]")
                return try blocks.dropLast().map { block in
                    try #require(block.hasPrefix("data: "))
                    return try #require(try JSONReader.parse(String(block.dropFirst(6))).objectValue)
                }
            }
        }

        /// The error, which has to have OpenAI's shape.
        var error: JSONObject {
            get throws {
                let object = try json
                #expect(object.keys == ["error"])
                let error = try #require(object["error"]?.objectValue)
                #expect(error.keys == ["message", "type", "param", "code"])
                #expect(error["message"]?.stringValue?.isEmpty == false)
                return error
            }
        }
    }

    func get(_ path: String, headers: HTTPFields = [:]) async throws -> Answer {
        try await send(path, .get, headers, nil)
    }

    func post(_ path: String, _ body: String, headers: HTTPFields = [.contentType: "application/json"]) async throws
        -> Answer
    {
        try await send(path, .post, headers, body)
    }

    func send(_ path: String, _ method: HTTPRequest.Method, _ headers: HTTPFields, _ body: String?) async throws
        -> Answer
    {
        let (head, text) = try await exchange.send(path, method, headers, body)
        return Answer(status: head.status.code, headers: head.headerFields, text: text)
    }

    /// A text completion of the tiny model; greedy unless the fields say otherwise.
    func complete(_ fields: String, prompt: String = "\"hello\"") async throws -> Answer {
        let rest = fields.isEmpty ? "" : ", " + fields
        let greedy = fields.contains("temperature") ? "" : ", \"temperature\": 0"
        return try await post("/v1/completions", "{\"model\": \"tiny\", \"prompt\": \(prompt)\(greedy)\(rest)}")
    }

    func chat(_ fields: String, messages: String = "[{\"role\": \"user\", \"content\": \"hello\"}]") async throws
        -> Answer
    {
        let rest = fields.isEmpty ? "" : ", " + fields
        return try await post(
            "/v1/chat/completions", "{\"model\": \"tiny\", \"temperature\": 0, \"messages\": \(messages)\(rest)}")
    }
}

extension JSONObject {
    /// The n-th choice of an answer.
    func choice(_ index: Int = 0) throws -> JSONObject {
        let choices = try #require(self["choices"]?.arrayValue)
        try #require(choices.count > index, "\(choices.count) choices")
        return try #require(choices[index].objectValue)
    }

    func usage(_ key: String) -> Int64? { self["usage"]?.objectValue?[key]?.integerValue }
}
