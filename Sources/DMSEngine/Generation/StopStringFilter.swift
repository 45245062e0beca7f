/// Ends a stream of text at the first stop string, wherever the stream is cut into pieces.
///
/// Text that may turn out to begin a stop string is held back until that is settled, so no part of a stop string is
/// ever emitted. The match that *ends* first counts, and of those the longest; which makes the result independent of
/// the pieces.
public struct StopStringFilter: Sendable {
    private let stops: [[UInt8]]
    private var held: [UInt8] = []
    /// Whether a stop string has been found; nothing is emitted from then on.
    public private(set) var isStopped = false

    /// - Throws: ``ParameterError`` for an empty stop string, which would match everywhere.
    public init(_ stops: [String]) throws(ParameterError) {
        if stops.contains(where: \.isEmpty) {
            throw ParameterError(field: "stop", found: "an empty string", required: "at least one character")
        }
        self.stops = stops.map { Array($0.utf8) }
    }

    /// Takes the next piece of text.
    ///
    /// - Returns: The text that is certain by now.
    public mutating func append(_ piece: String) -> String {
        if isStopped { return "" }
        if stops.isEmpty { return piece }
        for byte in piece.utf8 {
            held.append(byte)
            let longest = stops.reduce(0) { held.ends(with: $1) ? max($0, $1.count) : $0 }
            if longest > 0 {
                isStopped = true
                held.removeLast(longest)
                return release(held.count)
            }
        }
        return release(held.count - longestOpenSuffix())
    }

    /// Ends the stream.
    ///
    /// - Returns: The text held back, which did not become a stop string.
    public mutating func finish() -> String { isStopped ? "" : release(held.count) }

    /// The longest end of the held text that begins a stop string.
    private func longestOpenSuffix() -> Int {
        let longest = stops.reduce(0) { max($0, $1.count) } - 1
        for length in stride(from: min(longest, held.count), through: 1, by: -1)
        where stops.contains(where: { $0.count > length && $0.starts(with: held.suffix(length)) }) {
            return length
        }
        return 0
    }

    /// Stop strings are whole characters, so text is never cut inside one.
    private mutating func release(_ count: Int) -> String {
        let text = String(decoding: held.prefix(count), as: UTF8.self)
        held.removeFirst(count)
        return text
    }
}

extension [UInt8] {
    fileprivate func ends(with other: [UInt8]) -> Bool {
        count >= other.count && suffix(other.count).elementsEqual(other)
    }
}
