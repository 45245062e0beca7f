import DMSCheckpoint

/// Fetches a model from a hub into the cache, or into a folder of its own.
///
/// Files come several at a time, each in one stream that goes on where an earlier one ended, in whatever process that
/// was. Nothing is used before its digest is verified, and the folder is put together when all is here.
///
/// ```swift
/// let pull = ModelPull(try HubReference(parsing: "OWNER/NAME"), environment: try HubEnvironment(variables))
/// let model = try ModelDirectory.open(path: try await pull.run().path)
/// ```
public struct ModelPull: Sendable {
    /// The longest `model.safetensors.index.json` that is fetched, in bytes.
    static let maximumIndexLength = 64 << 20
    /// The most files at a time.
    public static let largestParallelism = 64
    /// Free bytes that are left to others.
    static let reservedBytes = 16 << 20

    private let reference: HubReference
    private let environment: HubEnvironment
    private let output: String?
    private let parallelFiles: Int
    private let retries: RetrySchedule
    private let transport: (any HubTransport)?
    private let report: @Sendable (PullEvent) -> Void

    /// - Parameters:
    ///   - reference: What to fetch.
    ///   - environment: From where, to where, and who asks.
    ///   - output: A plain folder to make, in place of the cache.
    ///   - parallelFiles: Files at a time, 1 to ``largestParallelism``.
    ///   - retries: When failures are tried again.
    ///   - transport: What carries requests; the caller closes it. `nil` takes one over HTTP for each call of ``run()``.
    ///   - report: Called with what happens, from several tasks at once.
    public init(
        _ reference: HubReference, environment: HubEnvironment, output: String? = nil, parallelFiles: Int = 4,
        retries: RetrySchedule = RetrySchedule(), transport: (any HubTransport)? = nil,
        report: @escaping @Sendable (PullEvent) -> Void = { _ in }
    ) {
        self.reference = reference
        self.environment = environment
        self.output = output
        self.parallelFiles = min(max(1, parallelFiles), Self.largestParallelism)
        self.retries = retries
        self.transport = transport
        self.report = report
    }

    /// Fetches what is missing.
    ///
    /// - Throws: ``HubError`` naming URL or path, or `CheckpointError`. What has arrived is kept for the next call.
    public func run() async throws -> PullResult {
        if let transport { return try await pull(transport) }
        let transport = AsyncHTTPTransport()
        do {
            let result = try await pull(transport)
            await transport.close()
            return result
        } catch {
            await transport.close()
            throw error
        }
    }

    private func pull(_ transport: any HubTransport) async throws -> PullResult {
        if let variable = environment.offlineVariable {
            throw HubError(
                .offline, variable, found: "set, which forbids the network", required: "it unset, to fetch \(reference)"
            )
        }
        let start = ContinuousClock.now
        let client = HubClient(
            endpoint: environment.endpoint, token: try environment.token(), transport: transport, retries: retries,
            report: report)
        let listing = try await client.listing(reference)
        let layout = CacheLayout(root: environment.cache, reference)
        let destination = output.map { PullDestination.folder($0) } ?? .cache(layout)
        try destination.prepare()
        // A plain folder is one process's at a time; in the cache each content has its own lock while it is fetched.
        let folderLock: FileLock? =
            if let output {
                try await FileLock.acquire(output, isFolder: true) { report(.waiting(output)) }
            } else { nil }
        // Whoever had it before may have tidied up.
        try destination.prepare()
        defer { withExtendedLifetime(folderLock) {} }

        let task = PullTask(
            client: client, reference: reference, listing: listing, destination: destination,
            locks: output == nil ? layout : nil)
        var received = 0
        var shards: [String]?
        if let index = try CheckpointFiles.index(of: listing) {
            guard index.size <= Self.maximumIndexLength else {
                throw HubError(
                    .listing, listing.place, found: "an index of \(index.size) bytes",
                    required: "at most \(Self.maximumIndexLength)")
            }
            // Nothing is known of the weights before it is here.
            let (path, count) = try await task.fetch(index)
            received += count
            let text = try MappedFile.contents(ofPath: path, limit: Self.maximumIndexLength)
            shards = try ShardIndex(parsing: text, file: path).shards
        }
        let files = try CheckpointFiles.selection(from: listing, shards: shards)
        let present = try files.reduce(0) { try $0 + task.presentBytes($1) }
        let plan = PullPlan(
            reference: reference, commit: listing.commit, endpoint: environment.endpoint,
            path: destination.path(commit: listing.commit), files: files, presentBytes: present)
        report(.planned(plan))
        try Self.requireSpace(plan, at: destination.disk)
        received += try await fetch(files, task)
        // One at a time makes links: those of two processes of one number (two containers) would have one name.
        let publishing: FileLock? =
            output == nil ? try await FileLock.acquire(layout.folder, isFolder: true) {} : nil
        defer { withExtendedLifetime(publishing) {} }
        try destination.publish(files, listing: listing, reference: reference)
        return PullResult(
            plan: plan, receivedBytes: received, seconds: (ContinuousClock.now - start) / .seconds(1))
    }

    /// Some at a time; the first failure ends all, and what has arrived stays.
    private func fetch(_ files: [HubFile], _ task: PullTask) async throws -> Int {
        try await withThrowingTaskGroup(of: Int.self) { group in
            var received = 0
            for (index, file) in files.enumerated() {
                if index >= parallelFiles { received += try await group.next() ?? 0 }
                group.addTask {
                    let (_, count) = try await task.fetch(file)
                    report(.finished(file, isNew: count > 0))
                    return count
                }
            }
            for try await count in group { received += count }
            return received
        }
    }

    private static func requireSpace(_ plan: PullPlan, at path: String) throws(HubError) {
        let needed = plan.totalBytes - plan.presentBytes
        guard needed > 0, let free = FileSystem.freeBytes(at: path), free < needed + reservedBytes else { return }
        throw HubError(
            .disk, path, found: "\(free) bytes free",
            required: "\(needed + reservedBytes) bytes, for what is to be fetched of \(plan.reference)")
    }
}

/// One commit of a model on its way to one place.
private struct PullTask: Sendable {
    let client: HubClient
    let reference: HubReference
    let listing: HubListing
    let destination: PullDestination
    /// Where the lock of each content is; `nil` where a lock on everything is held.
    let locks: CacheLayout?

    /// Bytes of a file that need not be fetched.
    func presentBytes(_ file: HubFile) throws -> Int {
        if try destination.present(file) != nil { return file.size }
        let partial = FileSystem.length(of: destination.partial(file)) ?? 0
        return partial > file.size ? 0 : partial
    }

    /// - Returns: Where the verified file is, and the bytes that came over the network.
    func fetch(_ file: HubFile) async throws -> (path: String, received: Int) {
        if let path = try destination.present(file) { return (path, 0) }
        let lock: FileLock? =
            if let locks { try await acquire(locks.lock(file.digest), file) } else { nil }
        defer { withExtendedLifetime(lock) {} }
        // Whoever held the lock may have fetched it.
        if let path = try destination.present(file) { return (path, 0) }
        let download = FileDownload(
            client: client, file: file, reference: reference, commit: listing.commit, destination: destination)
        return (destination.blob(file), try await download.run())
    }

    private func acquire(_ path: String, _ file: HubFile) async throws -> FileLock {
        try FileSystem.makeFolder(FileSystem.parent(of: path))
        return try await FileLock.acquire(path) { client.report(.waiting(file.name)) }
    }
}
