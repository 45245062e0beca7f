import DMSCheckpoint

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Where the hub, the cache and the token are, by the conventions of the hub's own tools.
///
/// For hubs `dms` looks at no other variables, so that it and those tools share one cache:
///
/// | variable | |
/// |---|---|
/// | `HF_ENDPOINT` | the hub; an option wins over it |
/// | `HF_HUB_CACHE`, `HUGGINGFACE_HUB_CACHE` | the cache; else `HF_HOME/hub` |
/// | `HF_HOME` | else `XDG_CACHE_HOME/huggingface`, else `~/.cache/huggingface` |
/// | `HF_TOKEN`, `HUGGING_FACE_HUB_TOKEN` | the token; else what is in the file `HF_TOKEN_PATH`, else `HF_HOME/token` |
/// | `HF_HUB_DISABLE_IMPLICIT_TOKEN` | sends none of these |
/// | `HF_HUB_OFFLINE`, `TRANSFORMERS_OFFLINE` | forbids the network |
public struct HubEnvironment: Sendable {
    /// The public hub.
    public static let publicEndpoint = "https://huggingface.co"

    static let names = [
        "HOME", "XDG_CACHE_HOME", "HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_ENDPOINT", "HF_TOKEN",
        "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HUB_DISABLE_IMPLICIT_TOKEN", "HF_HUB_OFFLINE",
        "TRANSFORMERS_OFFLINE",
    ]

    /// The hub that is asked.
    public let endpoint: HubURL
    /// The folder with the folders of all models.
    public let cache: String
    /// The variable that forbids the network, if one does.
    public let offlineVariable: String?
    private let statedToken: (text: String, variable: String)?
    private let tokenFile: String?
    private let isTokenFileRequired: Bool

    /// - Parameters:
    ///   - variables: The process's environment; empty values count as absent.
    ///   - endpoint: Wins over `HF_ENDPOINT`.
    ///   - tokenFile: Wins over every other token, and must be there.
    /// - Throws: ``HubError`` for an endpoint that is none, or when there is no home.
    public init(
        _ variables: [String: String], endpoint: String? = nil, tokenFile: String? = nil
    ) throws(HubError) {
        let stated = variables.filter { !$0.value.isEmpty }
        self.endpoint = try HubURL(parsing: endpoint ?? stated["HF_ENDPOINT"] ?? Self.publicEndpoint)
        func expanded(_ path: String) -> String {
            guard let home = stated["HOME"], path == "~" || path.hasPrefix("~/") else { return path }
            return home + path.dropFirst()
        }
        let base = stated["XDG_CACHE_HOME"].map(expanded) ?? stated["HOME"].map { $0 + "/.cache" }
        let home = stated["HF_HOME"].map(expanded) ?? base.map { $0 + "/huggingface" }
        guard
            let cache = (stated["HF_HUB_CACHE"] ?? stated["HUGGINGFACE_HUB_CACHE"]).map(expanded)
                ?? home.map({ $0 + "/hub" })
        else {
            throw HubError(.setting, "HOME", found: "no such variable", required: "it, HF_HOME or HF_HUB_CACHE")
        }
        self.cache = cache
        offlineVariable = ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"].first { Self.isTrue(stated[$0]) }
        isTokenFileRequired = tokenFile != nil
        if tokenFile != nil || Self.isTrue(stated["HF_HUB_DISABLE_IMPLICIT_TOKEN"]) {
            statedToken = nil
            self.tokenFile = tokenFile
        } else {
            statedToken =
                ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"].lazy
                .compactMap { name in stated[name].map { ($0, name) } }.first
            self.tokenFile = stated["HF_TOKEN_PATH"].map(expanded) ?? home.map { $0 + "/token" }
        }
    }

    /// The variables of this process that count.
    public static var variables: [String: String] {
        var variables: [String: String] = [:]
        for name in names { variables[name] = getenv(name).map { String(cString: $0) } }
        return variables
    }

    /// The token to send, if there is one.
    ///
    /// - Throws: ``HubError`` or `CheckpointError` for one that cannot be used.
    public func token() throws -> HubToken? {
        if let (text, variable) = statedToken { return try HubToken(text, from: variable) }
        guard let tokenFile, isTokenFileRequired || MappedFile.exists(path: tokenFile) else { return nil }
        return try HubToken(file: tokenFile)
    }

    private static func isTrue(_ value: String?) -> Bool {
        value.map { ["1", "on", "yes", "true"].contains($0.lowercased()) } ?? false
    }
}
