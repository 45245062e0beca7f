/// The `dms` of a request, an extension: what a stream tells beside the answer.
enum CacheField {
    /// - Returns: Whether `kv` asks for what the cache holds.
    static func isWanted(_ fields: Fields, streams: Bool) throws(APIError) -> Bool {
        guard let object = try fields.object("dms") else { return false }
        let options = try Fields(object, path: fields.path("dms"), known: ["kv"])
        let isWanted = try options.boolean("kv") ?? false
        if isWanted, !streams {
            throw .invalid(options.path("kv"), found: "true", required: "false unless stream is true")
        }
        return isWanted
    }
}
