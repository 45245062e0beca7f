package import DMSJSON

/// Every error that reading JSON objects gives, where readers throw the first.
///
/// Each key that is refused is noted and taken out, and what is left is read again, so that there is one set of rules, and
/// it need not know of this. A key that must be there is given a value in its place, as far as there is one that upsets
/// nothing else.
package struct Refusals<Value> {
    /// In the order in which they were found, each key once.
    package let errors: [CheckpointError]
    /// What was read in the end; `nil` where something is wrong that cannot be taken out.
    package let value: Value?

    private static var most: Int { 100 }

    /// - Parameters:
    ///   - objects: By the files that they are from.
    ///   - standIn: A value for a key that must be there; asked only for keys that were refused.
    ///   - read: Reads the objects; its errors name files and keys of theirs.
    package init(
        of objects: [String: JSONObject],
        standIn: (_ key: String, _ object: JSONObject) -> JSONValue? = { _, _ in nil },
        _ read: ([String: JSONObject]) throws(CheckpointError) -> Value
    ) {
        var objects = objects
        var errors: [CheckpointError] = []
        var refused: Set<String> = []
        var replaced: Set<String> = []
        while errors.count < Self.most {
            let error: CheckpointError
            do throws(CheckpointError) {
                value = try read(objects)
                self.errors = errors
                return
            } catch let thrown {
                error = thrown
            }
            guard case .key(let key) = error.subject else {
                errors.append(error)
                break
            }
            let place = error.file + "\n" + key
            if refused.insert(place).inserted { errors.append(error) }
            guard var object = objects[error.file] else { break }
            if let shorter = Self.removing(key.split(separator: ".").map(String.init), whole: key, from: object) {
                object = shorter
            } else if let value = standIn(key, object), replaced.insert(place).inserted {
                object[key] = value
            } else if let outer = key.split(separator: ".").first, outer.count < key.count,
                object[String(outer)] != nil
            {
                object[String(outer)] = nil
            } else {
                break
            }
            objects[error.file] = object
        }
        self.errors = errors
        value = nil
    }

    /// The object without a key, which may be inside objects that it holds; `nil` where there is no such key.
    private static func removing(_ path: [String], whole: String, from object: JSONObject) -> JSONObject? {
        var object = object
        if object[whole] != nil {
            object[whole] = nil
            return object
        }
        guard path.count > 1, let inner = object[path[0]]?.objectValue else { return nil }
        let rest = Array(path.dropFirst())
        guard let shorter = removing(rest, whole: rest.joined(separator: "."), from: inner) else { return nil }
        object[path[0]] = .object(shorter)
        return object
    }
}
