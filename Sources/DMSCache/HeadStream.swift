/// The tokens of one KV head of one layer of one sequence: counts only, the tokens lie in pages.
///
/// Slots are numbered through the pages of the stream: the ring first, then what is retained, in order of position.
/// Every slot below ``used`` holds a live token, so pages never have holes, and all slack lies behind the last token.
struct HeadStream {
    /// Tokens stored so far, evicted ones included.
    var seen: Int32 = 0
    /// Tokens stored now.
    var used: Int32 = 0
}
