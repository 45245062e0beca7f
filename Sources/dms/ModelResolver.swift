import DMSHub

/// Turns what people call a model into the folder it lies in; the only place beside 'dms pull' that knows there are hubs.
struct ModelResolver {
    let isOffline: Bool

    init(_ options: HubOptions) { isOffline = options.offline }

    /// The folder of a model.
    ///
    /// - Throws: `HubError` when it is on no disk and cannot be fetched. What is neither there nor a name of a hub is
    ///   returned as it is: whoever opens it says best what is missing.
    func folder(_ model: String) throws -> String {
        if Console.exists(model) { return model }
        guard let reference = try? HubReference(parsing: model) else { return model }
        let environment = try HubEnvironment(HubEnvironment.variables)
        let isOffline = isOffline || environment.offlineVariable != nil
        let cached = CachedModel.find(reference, cache: environment.cache)
        switch cached {
        case .complete(let path): return path
        case .unverified(let path, let unknown) where isOffline:
            Console.note(
                "dms: \(model): using what the cache has; nobody noted whether the hub has "
                    + "\(unknown.joined(separator: ", ")), too ('dms pull \(model)' finds out)")
            return path
        default: break
        }
        if isOffline { throw offline(model, cached, environment) }
        let display = PullDisplay()
        let pull = ModelPull(reference, environment: environment) { display.show($0) }
        do {
            let result = try Waiting.result { try await pull.run() }
            display.finish()
            return result.path
        } catch let error as HubError where [.status(401), .status(404)].contains(error.kind) {
            display.finish()
            throw ConsoleError("\(error). There is no folder \(model) either")
        } catch {
            display.finish()
            throw error
        }
    }

    private func offline(_ model: String, _ cached: CachedModel, _ environment: HubEnvironment) -> HubError {
        let reason = environment.offlineVariable.map { "with \($0)" } ?? "with --offline"
        let found =
            if case .incomplete(_, let missing) = cached {
                "no \(missing.joined(separator: ", ")) in the cache, \(reason)"
            } else {
                "no such folder, and nothing of it in the cache \(environment.cache), \(reason)"
            }
        return HubError(.offline, model, found: found, required: "'dms pull \(model)' where there is a network")
    }
}

/// What a model is called when its folder is all that is known.
enum ModelName {
    /// The last part of the path; for a snapshot in the cache, whose last part is a commit, the model's name.
    static func ofFolder(_ path: String) -> String {
        CacheLayout.modelName(ofSnapshot: path) ?? path.split(separator: "/").last.map(String.init) ?? path
    }
}
