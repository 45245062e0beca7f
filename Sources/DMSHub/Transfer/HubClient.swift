/// Requests to a hub: redirections, the token, and what statuses mean.
struct HubClient: Sendable {
    let endpoint: HubURL
    let token: HubToken?
    let transport: any HubTransport
    let retries: RetrySchedule
    let report: @Sendable (PullEvent) -> Void

    /// An answer, and the URL that gave it.
    struct Answer: Sendable {
        let response: HubResponse
        let url: HubURL
    }

    /// Asks for a URL of the hub and follows redirections.
    ///
    /// - Parameter inspect: Sees every answer on the way, the first of which comes from the hub itself.
    /// - Throws: ``HubError`` for redirections that are not followed, or `TransportFailure`.
    func get(
        _ url: HubURL, headers: [(name: String, value: String)] = [],
        inspect: (HubResponse) throws(HubError) -> Void = { _ in }
    ) async throws -> Answer {
        var url = url
        // Whoever was led away stays without the token, even if led back.
        var isAtHub = url.origin == endpoint.origin
        var count = 0
        while true {
            var headers = headers + [("User-Agent", "swift-dms"), ("Accept-Encoding", "identity")]
            if isAtHub, let token { headers.append(("Authorization", token.authorization)) }
            let response = try await transport.get(HubRequest(url: url, headers: headers))
            try inspect(response)
            guard RedirectPolicy.isRedirect(response.status) else { return Answer(response: response, url: url) }
            url = try RedirectPolicy.next(from: url, location: response["Location"], count: count)
            if url.origin != endpoint.origin { isAtHub = false }
            count += 1
        }
    }

    /// Asks what a repository has at a revision.
    func listing(_ reference: HubReference) async throws -> HubListing {
        let url = endpoint.appending(
            ["api", "models", reference.owner, reference.name, "revision", reference.revision], query: "blobs=true")
        return try await retrying(label: reference.repository, url: url, isFirst: true) { _ in
            let answer = try await get(url)
            guard answer.response.status == 200 else {
                throw StatusError(answer, reference: reference, hasToken: token != nil)
            }
            var text: [UInt8] = []
            for try await part in answer.response.body {
                text += part
                guard text.count <= HubListing.maximumLength else {
                    throw HubError(
                        .listing, url.description, found: "more than \(text.count) bytes",
                        required: "at most \(HubListing.maximumLength)")
                }
            }
            let listing = try HubListing(parsing: text, place: url.description)
            if reference.isCommit, listing.commit != reference.revision {
                throw HubError(
                    .listing, url.description, found: "the commit \(listing.commit)", required: reference.revision)
            }
            return listing
        }
    }

    /// Makes an attempt until it succeeds, or its failures are not worth another one.
    ///
    /// - Parameters:
    ///   - label: What is asked for, for reports.
    ///   - url: For errors.
    ///   - isFirst: Whether nothing has shown yet that the server is there at all.
    ///   - attempt: Sets its argument when it brought enough that failures count anew.
    func retrying<Result: Sendable>(
        label: String, url: HubURL, isFirst: Bool = false, _ attempt: (inout Bool) async throws -> Result
    ) async throws -> Result {
        var failures = 0
        var wasReached = !isFirst
        while true {
            var hasProgress = false
            let error: any RetryableError
            do {
                return try await attempt(&hasProgress)
            } catch let failure as TransportFailure {
                error = failure
            } catch let status as StatusError {
                error = status
            }
            failures = hasProgress ? 1 : failures + 1
            wasReached = wasReached || !error.isConnection
            guard error.isWorthRetrying,
                let pause = retries.pause(
                    after: failures, isConnection: !wasReached, asked: error.askedPause,
                    jitter: Double.random(in: 0...1))
            else { throw error.explained(at: url) }
            report(.retrying(label, seconds: pause / .seconds(1), reason: error.reason))
            try await Task.sleep(for: pause)
        }
    }
}

/// A failure that another try may undo.
protocol RetryableError: Error {
    var isWorthRetrying: Bool { get }
    /// Whether nothing was reached.
    var isConnection: Bool { get }
    var askedPause: Duration? { get }
    /// In a few words.
    var reason: String { get }
    /// What a user is told when it is given up.
    func explained(at url: HubURL) -> HubError
}

extension TransportFailure: RetryableError {
    var isWorthRetrying: Bool { kind != .identity }
    var isConnection: Bool { kind == .connect }
    var askedPause: Duration? { nil }

    func explained(at url: HubURL) -> HubError {
        let required =
            switch kind {
            case .connect: "a hub that can be reached; --endpoint or HF_ENDPOINT name another, --offline needs none"
            case .silence, .broken: "the whole answer; what has arrived is kept, and the same command goes on"
            case .identity: "a server with a certificate that this system trusts"
            }
        return HubError(.connection, url.description, found: reason, required: required)
    }
}
