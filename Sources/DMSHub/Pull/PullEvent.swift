/// What a pull tells while it runs; from several tasks at once.
public enum PullEvent: Sendable {
    /// What there is to fetch is known.
    case planned(PullPlan)
    /// Bytes of a file arrived.
    case received(file: String, bytes: Int)
    /// What had arrived of a file goes, and it begins anew.
    case discarded(file: String, bytes: Int)
    /// A file is here, and is what the hub said; `isNew` when some of it was fetched now.
    case finished(HubFile, isNew: Bool)
    /// Another process fetches the same.
    case waiting(String)
    /// A request failed and is made again after a pause.
    case retrying(String, seconds: Double, reason: String)
}

/// What a pull is going to do.
public struct PullPlan: Sendable {
    /// What was asked for.
    public let reference: HubReference
    /// The commit that the revision means.
    public let commit: String
    /// The hub that is asked.
    public let endpoint: HubURL
    /// The folder that will hold the model.
    public let path: String
    /// All files of the model, those among them that are here already.
    public let files: [HubFile]
    /// Bytes of those files that are here already.
    public let presentBytes: Int

    /// Bytes of all files.
    public var totalBytes: Int { files.reduce(0) { $0 + $1.size } }
}

/// What a pull has done.
public struct PullResult: Sendable {
    /// What was to be done.
    public let plan: PullPlan
    /// Bytes that came over the network, those of begun files that were dropped included.
    public let receivedBytes: Int
    /// The time it took.
    public let seconds: Double
    /// The folder that holds the model.
    public var path: String { plan.path }
}
