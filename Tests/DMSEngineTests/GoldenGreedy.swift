import DMSJSON
import DMSTestSupport

/// A greedy continuation that Transformers computed.
struct GoldenGreedy {
    let text: String
    let prompt: [Int32]
    let continuation: [Int32]
    let continuedText: String

    static func all() throws -> [GoldenGreedy] {
        let list = try readJSON(SharedFiles.path("fixtures/greedy.json")).arrayValue ?? []
        return list.compactMap(\.objectValue).map { entry in
            GoldenGreedy(
                text: entry["prompt"]?.stringValue ?? "", prompt: Self.ids(entry["prompt_ids"]),
                continuation: Self.ids(entry["new_ids"]), continuedText: entry["text"]?.stringValue ?? "")
        }
    }

    private static func ids(_ value: JSONValue?) -> [Int32] {
        (value?.arrayValue ?? []).compactMap { $0.integerValue.map { Int32($0) } }
    }
}
