/// Which files of a repository make a checkpoint: a fixed list, and the weights that the index names.
///
/// Everything else stays on the hub: other formats, duplicates of the weights, and above all pickles, which run code when
/// they are loaded.
enum CheckpointFiles {
    static let configuration = "config.json"
    static let weights = "model.safetensors"
    static let index = "model.safetensors.index.json"

    /// Everything but weights, as far as a repository has it.
    static let companions = [
        configuration, "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
        "chat_template.jinja", "dms_metadata.json", "training_log.json",
    ]

    /// Files that a repository may lack, and whose absence from a folder would change what the model does unsaid.
    ///
    /// A snapshot in the cache counts as complete only when each is there or known not to exist.
    static let decisive = ["dms_metadata.json", "generation_config.json", "tokenizer.json", index]

    /// The index of the weights, if they are in several files.
    static func index(of listing: HubListing) throws(HubError) -> HubFile? {
        try file(index, of: listing)
    }

    /// All files to fetch, weights last.
    ///
    /// - Parameter shards: The files that the index names, in its place as the checkpoint; `nil` without one.
    /// - Throws: ``HubError`` when there is no checkpoint, or a file of it is described badly.
    static func selection(from listing: HubListing, shards: [String]?) throws(HubError) -> [HubFile] {
        var files: [HubFile] = []
        for name in companions {
            if let file = try file(name, of: listing) { files.append(file) }
        }
        guard files.first?.name == configuration else {
            throw HubError(
                .listing, listing.place, found: "no \(configuration)", required: "a model in Hugging Face format")
        }
        for name in shards ?? [weights] {
            guard let file = try file(name, of: listing) else { throw missingWeights(name, in: listing) }
            files.append(file)
        }
        if let index = try index(of: listing) { files.append(index) }
        return files
    }

    private static func file(_ name: String, of listing: HubListing) throws(HubError) -> HubFile? {
        guard let entry = listing.entries.first(where: { $0.name == name }) else { return nil }
        guard let size = entry.size, let digest = entry.digest else {
            throw HubError(
                .listing, listing.place, found: "\(name) without \(entry.size == nil ? "a size" : "a digest")",
                required: "size, and blobId or lfs.sha256, of each file")
        }
        return HubFile(name: name, size: size, digest: digest)
    }

    private static func missingWeights(_ name: String, in listing: HubListing) -> HubError {
        let pickles = listing.entries.first { entry in
            [".bin", ".pt", ".pth", ".pkl", ".ckpt"].contains { entry.name.hasSuffix($0) }
        }
        let found = pickles.map { "no \(name), only pickles such as \(HubError.quoted($0.name))" } ?? "no \(name)"
        return HubError(
            .listing, listing.place, found: found,
            required: "weights in safetensors" + (pickles == nil ? "" : "; pickles run code and are never fetched"))
    }
}
