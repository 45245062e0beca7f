import DMSEngine
import DMSJSON
import DMSTokenizer
import Foundation

extension AnswerFormat {
    /// The object of a stream that tells what the cache holds; it has no choice.
    func cacheChunk(_ progress: CacheProgress, choice: Int, _ tokenizer: Tokenizer) -> JSONObject {
        var object = chunk(ChoicePiece(index: 0))
        object["choices"] = .array([])
        object["dms"] = .object(JSONObject(["kv": .object(progress.json(choice: choice, tokenizer))]))
        return object
    }
}

extension CacheProgress {
    fileprivate func json(choice: Int, _ tokenizer: Tokenizer) -> JSONObject {
        func count(_ value: Int) -> JSONValue { .integer(Int64(value)) }
        func texts(_ tokens: [Int32]) -> JSONValue {
            .array(tokens.map { .string(String(decoding: tokenizer.bytes(of: $0) ?? [], as: UTF8.self)) })
        }
        var object = JSONObject([
            "index": count(choice), "tokens": count(tokens), "prompt_tokens": count(promptTokens),
            "live_token_heads": count(liveTokenHeads), "seen_token_heads": count(seenTokenHeads),
            "live_bytes": count(liveBytes), "dense_bytes": count(denseBytes), "allocated_bytes": count(allocatedBytes),
            "first": count(decided.lowerBound), "texts": texts(decidedTokens),
            "evictions": .string(Data(evictions).base64EncodedString()),
        ])
        if !earlierTokens.isEmpty { object["earlier_texts"] = texts(earlierTokens) }
        return object
    }
}
