public import DMSJSON

/// What an engine will make of a folder.
public struct EngineVerdict: Sendable, Equatable {
    /// The engines that are judged.
    public enum Engine: String, Sendable, CaseIterable {
        /// This package.
        case dms
        /// Plain Transformers, `AutoModelForCausalLM.from_pretrained`.
        case transformers
        /// FastDMS, the published runtime for DMS checkpoints.
        case fastdms
    }

    /// What becomes of it.
    public enum Outcome: String, Sendable {
        /// It loads, and computes what the files say.
        case loads
        /// It loads, and computes another function than the files say.
        case differs
        /// It does not load.
        case refuses
        /// That depends on what cannot be known from here.
        case unknown
    }

    /// Whose verdict.
    public let engine: Engine
    /// What becomes of it.
    public let outcome: Outcome
    /// In a sentence.
    public let summary: String
    /// Why, and what else to know, a sentence each.
    public let notes: [String]

    /// A verdict in full.
    public init(_ engine: Engine, _ outcome: Outcome, _ summary: String, notes: [String] = []) {
        self.engine = engine
        self.outcome = outcome
        self.summary = summary
        self.notes = notes
    }

    /// As an object with `engine`, `outcome`, `summary` and `notes`.
    public var json: JSONObject {
        JSONObject([
            "engine": .string(engine.rawValue), "outcome": .string(outcome.rawValue), "summary": .string(summary),
            "notes": .array(notes.map { .string($0) }),
        ])
    }
}
