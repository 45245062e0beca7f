/// A bar for prompts that take a while to be read.
final class ReadingProgress {
    private static let width = 24
    /// Shorter ones are read before anyone looks.
    private static let shortest = 512

    private let isShown: Bool
    private var isOnScreen = false

    init(isShown: Bool) { self.isShown = isShown }

    /// - Parameters:
    ///   - read: Tokens that were read.
    ///   - total: Tokens that there are.
    func show(_ read: Int, of total: Int) {
        guard isShown, total >= Self.shortest, read < total else { return end() }
        isOnScreen = true
        let filled = Self.width * read / total
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: Self.width - filled)
        Console.replaceLine("reading \(bar) \(read) of \(total) tokens")
    }

    func end() {
        if isOnScreen { Console.replaceLine("") }
        isOnScreen = false
    }
}
