import DMSCheckpoint
public import DMSJSON
public import DMSTokenizer

/// A folder that may be anything: what lies in it, by name.
public struct ModelFolder: Sendable {
    /// The path, as given.
    public let path: String
    /// Everything in it, hidden files too, sorted.
    public let names: [String]

    init(path: String) {
        self.path = path
        names = SystemCalls.names(inDirectory: path, hidden: true) ?? []
    }

    /// The path of a file in it.
    public func path(of name: String) -> String { path + "/" + name }

    /// Whether something in it has that name.
    public func has(_ name: String) -> Bool { names.contains(name) }

    /// The object of a small JSON file; `nil` where there is no such file.
    func object(_ name: String) throws(CheckpointError) -> JSONObject? {
        has(name) ? try ModelDirectory.object(in: path(of: name)) : nil
    }
}

/// A check that somebody else knows how to make, such as one of files that a library above this one reads.
public struct FurtherCheck: Sendable {
    /// What such a check may look at.
    public struct Subject: Sendable {
        /// The folder.
        public let folder: ModelFolder
        /// What makes tokens of text; `nil` where that could not be read.
        public let tokenizer: Tokenizer?
        /// The ids that end a text, as far as files state them.
        public let endOfTextIDs: [Int32]
        /// The object of `tokenizer_config.json`, where there is one that can be read.
        public let tokenizerConfiguration: JSONObject?
    }

    let run: @Sendable (Subject) -> [Finding]

    /// A check by what it finds.
    public init(_ run: @escaping @Sendable (Subject) -> [Finding]) { self.run = run }
}
