import DMSCheckpoint
import DMSJSON

/// What `dms inspect --families` prints.
enum FamilyList {
    static var text: String {
        var table = TextTable(["family", "model_type", "architecture"])
        for family in ModelFamily.all { table.add([family.name, family.modelType, family.architecture]) }
        let scopes = ModelFamily.all.map { "\($0.name): \($0.scope).\n" }
        return table.text + "\n" + scopes.joined()
    }

    static var json: JSONObject {
        let families = ModelFamily.all.map { family in
            JSONValue.object(
                JSONObject([
                    "name": .string(family.name), "model_type": .string(family.modelType),
                    "architecture": .string(family.architecture), "scope": .string(family.scope),
                ]))
        }
        return JSONObject(["families": .array(families)])
    }
}
