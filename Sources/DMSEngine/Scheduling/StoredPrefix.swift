/// What is stored of the beginning of a request's prompt, and what is worth storing.
struct StoredPrefix: Sendable, Hashable {
    /// Tokens that need not be computed: a multiple of the block, and fewer than the prompt has.
    var reusable = 0
    /// Boundaries of blocks, in order, at which a pass should end, because the state there is to be stored.
    var boundaries: [Int] = []
}
