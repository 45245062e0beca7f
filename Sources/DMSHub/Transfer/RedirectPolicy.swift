/// Where redirections may lead, and which of them learn the token.
enum RedirectPolicy {
    static let maximumCount = 5

    /// Whether a status names another URL.
    static func isRedirect(_ status: Int) -> Bool { [301, 302, 303, 307, 308].contains(status) }

    /// The URL to go on with.
    ///
    /// - Parameter count: Redirections followed so far.
    /// - Throws: ``HubError`` after too many, without a URL, and from `https` to `http`.
    static func next(from url: HubURL, location: String?, count: Int) throws(HubError) -> HubURL {
        func fail(_ found: String, _ required: String) -> HubError {
            HubError(.redirect, url.description, found: found, required: required)
        }
        guard count < maximumCount else {
            throw fail("another redirection", "at most \(maximumCount) of them")
        }
        guard let location else { throw fail("a redirection without Location", "the URL it leads to") }
        let next: HubURL
        do {
            next = try url.resolved(location)
        } catch {
            throw fail("a redirection to \(error.place), \(error.found)", error.required)
        }
        guard url.scheme == .http || next.scheme == .https else {
            throw fail("a redirection to \(next)", "https, as the request was")
        }
        return next
    }
}
