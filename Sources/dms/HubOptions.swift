import ArgumentParser

/// For verbs whose model may be on a hub.
struct HubOptions: ParsableArguments {
    @Flag(help: "Use no network: a model named OWNER/NAME must be in the cache. See 'dms pull --help'.")
    var offline = false

    /// What a model may be.
    static let explanation = """
        A model is a folder, or OWNER/NAME on a hub, with @REVISION after it for another branch, tag or commit than main. \
        A folder of that name wins. Otherwise what the cache has is used, without asking the network; what it lacks is \
        fetched, and a line on standard error says what and how much. --offline forbids that.
        """

    /// The help of an option that names a model.
    static func help(_ what: String) -> ArgumentHelp {
        ArgumentHelp("\(what): a folder, or OWNER/NAME[@REVISION] on a hub.", valueName: "model")
    }

    /// The help of one that may be left out.
    static func help(_ what: String, orElse alternative: String) -> ArgumentHelp {
        ArgumentHelp(
            "\(what): a folder, or OWNER/NAME[@REVISION] on a hub. (default: \(alternative))", valueName: "model")
    }
}

/// A verb whose models may be on a hub: their names become folders before it runs, and it knows only folders.
protocol ModelUsing: ParsableCommand {
    var hub: HubOptions { get }
    /// Replaces each model that was named by its folder.
    mutating func resolveModels(_ folder: (String) throws -> String) throws
}
