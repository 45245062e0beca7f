import ArgumentParser
import DMSCheckpoint
import DMSEngine
import DMSGrammar
import DMSJSON
import DMSModel
import DMSTokenizer

/// What a continuation's text must be.
struct GenerateConstraint: ParsableArguments {
    @Flag(help: "Write a JSON object.")
    var jsonObject = false

    @Option(help: ArgumentHelp("Write JSON by the JSON schema in this file.", valueName: "file"))
    var jsonSchema: String?

    /// Bytes of a schema's file.
    private static let mostSchemaBytes = 1 << 20

    var isGiven: Bool { jsonObject || jsonSchema != nil }

    func validate() throws {
        if jsonObject, jsonSchema != nil {
            throw ValidationError("--json-object: found beside --json-schema, required one of them")
        }
    }

    /// - Throws: `ConsoleError` with the file and the place in it for a schema that is not understood.
    func grammar() throws -> Grammar? {
        if jsonObject { return .jsonObject }
        guard let file = jsonSchema else { return nil }
        let bytes = try MappedFile.contents(ofPath: file, limit: Self.mostSchemaBytes)
        do {
            return try Grammar(schema: try JSONReader.parse(bytes))
        } catch {
            throw ConsoleError("\(file): \(error)")
        }
    }

    static func constraint(_ grammar: Grammar, _ loaded: LoadedModel, endTokens: Set<Int32>) -> OutputConstraint {
        let index = VocabularyIndex(
            loaded.tokenizer, vocabularySize: loaded.model.configuration.vocabularySize)
        return OutputConstraint(TokenGrammar(grammar, index), endTokens: endTokens)
    }
}
