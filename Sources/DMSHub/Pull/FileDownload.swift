import DMSCheckpoint

/// One file: asked for, resumed, verified, and put in its place.
struct FileDownload: Sendable {
    /// An attempt that brought so many bytes was worth it: failures count anew.
    static let progressBytes = 1 << 20

    let client: HubClient
    let file: HubFile
    let reference: HubReference
    let commit: String
    let destination: PullDestination

    private var url: HubURL {
        client.endpoint.appending([reference.owner, reference.name, "resolve", commit, file.name])
    }

    /// What an attempt leaves for the next one.
    private struct State {
        /// The strong `ETag` of the server that sent the last bytes.
        ///
        /// Between two processes there is none, and none is needed: the URL names a commit, and the digest decides.
        var validator: String?
        /// Whether the partial file has bytes of an earlier run.
        var isResumed: Bool
        var received = 0
        /// Bytes of the file that were once here: only what lies beyond is progress.
        var furthest = 0
    }

    /// Fetches what is missing.
    ///
    /// - Returns: Bytes that came over the network.
    /// - Throws: ``HubError``; what has arrived is kept, unless it is not what it should be.
    func run() async throws -> Int {
        var state = State(validator: nil, isResumed: false)
        var partial = try PartialFile(path: destination.partial(file))
        state.isResumed = partial.count > 0
        state.furthest = partial.count
        while true {
            try await fetch(&partial, &state)
            try partial.synchronize()
            if let actual = try mismatch() {
                let count = partial.count
                try discard(&partial, &state)
                // Bytes of an earlier run may have been damaged since; those of this one were sent so.
                if state.isResumed {
                    state.isResumed = false
                    continue
                }
                try FileSystem.remove(destination.partial(file))
                throw HubError(
                    .digest, url.description, found: "\(count) bytes with \(actual)",
                    required: "\(file.digest), as the listing says; they were deleted")
            }
            try FileSystem.rename(destination.partial(file), to: destination.blob(file))
            return state.received
        }
    }

    private func fetch(_ partial: inout PartialFile, _ state: inout State) async throws {
        // A server that refuses every range would be asked for ever.
        var discards = 0
        while true {
            if partial.count == file.size { return }
            if partial.count > file.size {
                try discard(&partial, &state)
            } else {
                let isWhole = try await client.retrying(label: file.name, url: url) { hasProgress in
                    defer {
                        hasProgress = partial.count - state.furthest >= Self.progressBytes
                        state.furthest = max(state.furthest, partial.count)
                    }
                    return try await attempt(&partial, &state)
                }
                if isWhole { return }
                discards += 1
                guard discards < 3 else {
                    throw HubError(
                        .size, url.description, found: "no byte of the range that was asked for",
                        required: "\(file.size) bytes")
                }
                try discard(&partial, &state)
                state.isResumed = false
            }
        }
    }

    /// - Returns: Whether the file is as long as it should be; else what is here is to be dropped.
    private func attempt(_ partial: inout PartialFile, _ state: inout State) async throws -> Bool {
        if partial.count >= file.size { return partial.count == file.size }
        let offset = partial.count
        var headers: [(name: String, value: String)] = []
        if offset > 0 {
            headers.append(("Range", "bytes=\(offset)-"))
            if let validator = state.validator { headers.append(("If-Range", validator)) }
        }
        let answer = try await client.get(url, headers: headers, inspect: checkPromise)
        let response = answer.response
        guard [200, 206, 416].contains(response.status) else {
            throw StatusError(answer, reference: reference, hasToken: client.token != nil)
        }
        if let encoding = response["Content-Encoding"], encoding != "identity" {
            throw HubError(
                .size, answer.url.description, found: "Content-Encoding \(HubError.quoted(encoding))",
                required: "the bytes of the file themselves")
        }
        switch ResumePlan.reaction(
            status: response.status, contentRange: response["Content-Range"],
            contentLength: response["Content-Length"].flatMap { Int($0) }, offset: offset, size: file.size)
        {
        case .append: break
        case .restart:
            try discard(&partial, &state)
            state.isResumed = false
        case .discard: return false
        case .refuse(let found, let required):
            throw HubError(.size, answer.url.description, found: found, required: required)
        }
        state.validator = response["ETag"].flatMap { $0.hasPrefix("\"") ? $0 : nil }
        for try await part in response.body {
            guard partial.count + part.count <= file.size else {
                try discard(&partial, &state)
                throw HubError(
                    .size, answer.url.description, found: "more than \(file.size) bytes",
                    required: "\(file.size) bytes, as the listing says")
            }
            try partial.append(part)
            state.received += part.count
            client.report(.received(file: file.name, bytes: part.count))
        }
        guard partial.count == file.size else {
            throw TransportFailure(.broken, "the end of the answer after \(partial.count) of \(file.size) bytes")
        }
        return true
    }

    /// The hub says again what it is about to send, before it redirects: better to know it now than after gigabytes.
    private func checkPromise(_ response: HubResponse) throws(HubError) {
        if let commit = response["X-Repo-Commit"], commit != self.commit {
            throw HubError(
                .listing, url.description, found: "a file of the commit \(HubError.quoted(commit))",
                required: self.commit)
        }
        if let size = response["X-Linked-Size"], Int(size) != file.size {
            throw HubError(
                .size, url.description, found: "X-Linked-Size \(HubError.quoted(size))",
                required: "\(file.size) bytes, as the listing says")
        }
        if let tag = response["X-Linked-ETag"], Self.strong(tag) != file.digest.hexadecimal {
            throw HubError(
                .digest, url.description, found: "X-Linked-ETag \(HubError.quoted(tag))",
                required: "\(file.digest), as the listing says")
        }
    }

    /// A tag without its quotation marks, and without the mark of a weak one.
    private static func strong(_ tag: String) -> String {
        String((tag.hasPrefix("W/") ? tag.dropFirst(2) : tag[...]).filter { $0 != "\"" })
    }

    private func discard(_ partial: inout PartialFile, _ state: inout State) throws {
        client.report(.discarded(file: file.name, bytes: partial.count))
        try partial.clear()
        state.validator = nil
    }

    /// The digest of the partial file, if it is not the one that was promised.
    private func mismatch() throws -> ContentDigest? {
        let actual = try MappedFile(path: destination.partial(file)).withBytes { file.digest.same(of: $0) }
        return actual == file.digest ? nil : actual
    }
}
