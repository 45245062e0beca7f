public import DMSCheckpoint
public import DMSJSON

/// One thing that was looked at in a model's folder, and what is to be said about it.
public struct Finding: Sendable, Equatable {
    /// How much it matters.
    public enum Severity: String, Sendable, Comparable, CaseIterable {
        /// As it must be.
        case ok
        /// It can be used, and something is not said, not certain, or not what people expect.
        case warning
        /// A file is damaged or says what cannot be, or this package refuses the folder.
        case problem

        public static func < (left: Severity, right: Severity) -> Bool { left.rank < right.rank }
        private var rank: Int { self == .ok ? 0 : self == .warning ? 1 : 2 }
    }

    /// What was looked at.
    public enum Check: String, Sendable, CaseIterable {
        /// The folder itself, and what lies about in it.
        case folder
        /// `config.json`.
        case configuration
        /// `generation_config.json`.
        case generation
        /// `tokenizer.json` and the files beside it.
        case tokenizer
        /// Which chat template the tokens speak for.
        case chat
        /// The files of the weights: headers, index, shards.
        case weights
        /// Names, shapes and types of tensors.
        case tensors
        /// Numbers in the weights.
        case values
        /// `dms_metadata.json` and the `dms_` keys of `config.json`.
        case metadata
        /// Whether the weights are those that metadata name.
        case digest
        /// The rows that decide about eviction.
        case gates
        /// The log of the training.
        case training
    }

    /// How much it matters.
    public let severity: Severity
    /// What was looked at.
    public let check: Check
    /// The file's name in the folder; `.` for the folder.
    public let file: String
    /// The key or tensor, where it is about one.
    public let subject: CheckpointError.Subject?
    /// What is there.
    public let found: String
    /// What should be there; empty where all is well.
    public let required: String
    /// What can be done about it; empty where nothing must be.
    public let advice: String

    /// A finding in full.
    public init(
        _ severity: Severity, _ check: Check, file: String, _ subject: CheckpointError.Subject? = nil, found: String,
        required: String = "", advice: String = ""
    ) {
        self.severity = severity
        self.check = check
        self.file = file
        self.subject = subject
        self.found = found
        self.required = required
        self.advice = advice
    }

    /// What an error says, as a finding.
    ///
    /// - Parameter folder: The path that the error's file is shown without.
    public init(
        _ error: CheckpointError, _ check: Check, in folder: String, severity: Severity = .problem, advice: String
    ) {
        self.init(
            severity, check, file: Self.name(of: error.file, in: folder), error.subject, found: error.found,
            required: error.required, advice: advice)
    }

    private static func name(of file: String, in folder: String) -> String {
        if file == folder { return "." }
        return file.hasPrefix(folder + "/") ? String(file.dropFirst(folder.count + 1)) : file
    }

    /// As an object with `severity`, `check`, `file`, `key` or `tensor`, `found`, `required` and `advice`; what is empty
    /// is left out.
    public var json: JSONObject {
        var object = JSONObject([
            "severity": .string(severity.rawValue), "check": .string(check.rawValue), "file": .string(file),
        ])
        switch subject {
        case .key(let name): object["key"] = .string(name)
        case .tensor(let name): object["tensor"] = .string(name)
        case nil: break
        }
        object["found"] = .string(found)
        if !required.isEmpty { object["required"] = .string(required) }
        if !advice.isEmpty { object["advice"] = .string(advice) }
        return object
    }
}
