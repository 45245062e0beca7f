/// What was written before, and which of it is looked at.
public struct LineHistory: Sendable, Hashable {
    private var lines: [String] = []
    /// `lines.count` for the line that is being written.
    private var place = 0
    /// The line that is being written, while another is looked at.
    private var draft = ""
    private let limit: Int

    /// - Parameter limit: The most lines.
    public init(limit: Int = 500) { self.limit = limit }

    /// Adds a line, unless it is blank or the last again.
    public mutating func add(_ line: String) {
        if !line.allSatisfy(\.isWhitespace), line != lines.last { lines.append(line) }
        if lines.count > limit { lines.removeFirst(lines.count - limit) }
        place = lines.count
        draft = ""
    }

    /// The line before, or `nil` at the first.
    ///
    /// - Parameter current: What stands in the field now.
    public mutating func back(from current: String) -> String? {
        guard place > 0 else { return nil }
        if place == lines.count { draft = current }
        place -= 1
        return lines[place]
    }

    /// The line behind, or `nil` at the one that is being written.
    public mutating func forward() -> String? {
        guard place < lines.count else { return nil }
        place += 1
        return place == lines.count ? draft : lines[place]
    }
}
