import DMSEngine
import DMSJSON

/// The `session` of a request, an extension: which saved conversation it goes on from, and under which name it is saved.
struct SessionField: Sendable, Hashable {
    var continuing: String?
    var saving: String?

    init() {}

    /// - Parameter choices: What `n` asks for.
    init(_ fields: Fields, choices: Int) throws(APIError) {
        guard let object = try fields.object("session") else { return }
        let path = fields.path("session")
        let session = try Fields(object, path: path, known: ["continue", "save"])
        continuing = try session.string("continue")
        saving = try session.string("save")
        guard continuing != nil || saving != nil else {
            throw .invalid(path, found: "neither continue nor save", required: "one of them or both")
        }
        guard choices == 1 else {
            throw .invalid(fields.path("n"), found: "\(choices)", required: "1 with a session")
        }
    }

    var isEmpty: Bool { continuing == nil && saving == nil }

    /// - Throws: `APIError` for a name that is none.
    static func name(_ name: String, _ owner: SessionOwner?, path: String) throws(APIError) -> SessionName {
        do throws(ParameterError) {
            return try SessionName(name, owner: owner)
        } catch {
            throw .invalid(path, found: error.found, required: error.required)
        }
    }
}
