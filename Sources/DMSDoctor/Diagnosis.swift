public import DMSJSON

/// Everything that was found in a model's folder, and what engines will make of it.
public struct Diagnosis: Sendable {
    /// The folder, as it was named.
    public let path: String
    /// Whether the weights were left unread.
    public let isQuick: Bool
    /// In the order in which files were looked at, what is well included.
    public let findings: [Finding]
    /// One for each engine.
    public let verdicts: [EngineVerdict]

    /// How many findings are of a severity.
    public func count(_ severity: Finding.Severity) -> Int { findings.count { $0.severity == severity } }

    /// Whether nothing is a problem.
    public var isSound: Bool { count(.problem) == 0 }

    /// The verdict about one engine.
    public subscript(engine: EngineVerdict.Engine) -> EngineVerdict? { verdicts.first { $0.engine == engine } }

    /// As one object: `model`, `sound`, `quick`, `problems`, `warnings`, `findings` and `engines`.
    public var json: JSONObject {
        JSONObject([
            "model": .string(path), "sound": .bool(isSound), "quick": .bool(isQuick),
            "problems": .integer(Int64(count(.problem))), "warnings": .integer(Int64(count(.warning))),
            "findings": .array(findings.map { .object($0.json) }),
            "engines": .array(verdicts.map { .object($0.json) }),
        ])
    }
}
