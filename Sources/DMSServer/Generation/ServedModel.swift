import DMSCheckpoint
public import DMSEngine
import DMSModel
import DMSPolicy
import DMSTokenizer

/// A model as clients see it: its name, what its checkpoint recommends, and the engine behind it.
public struct ServedModel: Sendable {
    /// The name that requests give.
    public let name: String
    /// What computes the answers.
    public let engine: Engine
    /// How its conversations are written; `nil` for a model that is no partner in one.
    public let chatTemplate: ChatTemplate?
    let tokenizer: Tokenizer
    let defaults: SamplingDefaults
    let endTokens: Set<Int32>
    let listing: ModelDescription
    let grammars = GrammarCache()

    /// - Parameters:
    ///   - name: Letters, digits, `.`, `_` and `-`, at most 64 of them.
    ///   - engine: It must have a tokenizer.
    ///   - chatTemplate: In place of the one that the tokenizer's special tokens speak for.
    /// - Throws: `ParameterError` for a name or a template that cannot be used.
    public init(
        name: String, engine: Engine, chatTemplate: ChatTemplate? = nil
    ) throws(ParameterError) {
        let isName = !name.isEmpty && name.utf8.count <= 64 && name.utf8.allSatisfy(Self.isNameByte)
        guard isName, name.contains(where: { $0 != "." }) else {
            throw ParameterError(
                field: "name", found: "\"\(name)\"", required: "1 to 64 of the characters A-Z a-z 0-9 . _ -")
        }
        guard let tokenizer = engine.tokenizer else {
            throw ParameterError(field: "engine", found: "one without a tokenizer", required: "one with a tokenizer")
        }
        if let chatTemplate, !chatTemplate.isSupported(by: tokenizer) {
            throw ParameterError(
                field: "chatTemplate", found: chatTemplate.rawValue,
                required: "a template whose special tokens the model has, here "
                    + chatTemplate.requiredTokens.joined(separator: ", "))
        }
        let generation = engine.generation
        self.name = name
        self.engine = engine
        self.tokenizer = tokenizer
        self.chatTemplate = chatTemplate ?? ChatTemplate.detect(tokenizer, endOfText: generation.endOfTextIDs)
        defaults = SamplingDefaults(generation)
        endTokens = Set(generation.endOfTextIDs)
        listing = ModelDescription(
            name: name, created: WallClock.seconds, positions: engine.model.configuration.maximumPositions,
            details: ModelDetails(
                chatTemplate: self.chatTemplate, layers: engine.model.configuration.layerCount,
                keyValueHeads: engine.model.configuration.keyValueHeadCount, window: engine.model.dms?.rule.window,
                keepsSessions: engine.keepsSessions))
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    /// - Throws: `APIError` with status 404 for another model's name.
    func requireName(_ other: String) throws(APIError) {
        if other == name { return }
        throw APIError(
            status: 404, kind: .invalidRequest, message: "the model does not exist here, required \"\(name)\"",
            parameter: "model", code: "model_not_found")
    }
}
