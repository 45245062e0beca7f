/// An answer that is none: what its status means for a user.
struct StatusError: RetryableError {
    let status: Int
    let url: HubURL
    let reference: HubReference
    let hasToken: Bool
    /// What the hub adds in words.
    let message: String?
    /// The hub's own word for the error.
    let code: String?
    let askedPause: Duration?

    init(_ answer: HubClient.Answer, reference: HubReference, hasToken: Bool) {
        status = answer.response.status
        url = answer.url
        message = answer.response["X-Error-Message"]
        code = answer.response["X-Error-Code"]
        askedPause = RetrySchedule.asked(answer.response["Retry-After"])
        self.reference = reference
        self.hasToken = hasToken
    }

    var isWorthRetrying: Bool { RetrySchedule.isWorthRetrying(status) }
    var isConnection: Bool { false }
    var reason: String { "status \(status)" }

    func explained(at url: HubURL) -> HubError {
        HubError(
            .status(status), self.url.description,
            found: "status \(status)" + (message.map { ", \(HubError.quoted($0))" } ?? ""), required: required)
    }

    private var required: String {
        switch (status, code) {
        case (_, "GatedRepo"):
            "access to \(reference.repository): accept its terms on its page, and send "
                + (hasToken ? "a token of that account" : "a token of that account with HF_TOKEN or --token-file")
        case (401, _) where !hasToken:
            "a repository that exists and is public, or a token with HF_TOKEN or --token-file; hubs answer 401 for "
                + "repositories that are private, gated or not there alike"
        case (401, _), (403, _):
            "a token that may read \(reference.repository), and its terms accepted where it is gated"
        case (404, "RevisionNotFound"):
            "a branch, a tag or a commit of \(reference.repository), not \(reference.revision)"
        case (404, _):
            "the name of a repository and a revision of it, not \(reference.repository) at \(reference.revision)"
        case (429, _):
            "fewer requests"
                + (askedPause.map { "; the hub asks to wait \($0.components.seconds) s, then the same command goes on" }
                    ?? "; later the same command goes on, and a token may raise the limit")
        case (500..., _): "a hub that works; later the same command goes on"
        default: "status 200"
        }
    }
}
