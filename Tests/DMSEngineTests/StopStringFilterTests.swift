import DMSEngine
import Testing

@Suite("Stop strings")
struct StopStringFilterTests {
    /// The definition: the match that ends first, and of those the longest.
    private static func expected(_ text: String, _ stops: [String]) -> (text: String, isStopped: Bool) {
        let bytes = Array(text.utf8)
        for end in 0...bytes.count {
            let lengths = stops.map { Array($0.utf8) }.filter { bytes[..<end].reversed().starts(with: $0.reversed()) }
            if let longest = lengths.map(\.count).max() {
                return (String(decoding: bytes[..<(end - longest)], as: UTF8.self), true)
            }
        }
        return (text, false)
    }

    private static let cases: [(text: String, stops: [String])] = [
        ("hello world", ["lo w"]), ("hello world", ["x"]), ("aaaaab", ["aab"]), ("ababac", ["abac"]),
        ("one\n\ntwo", ["\n\n", "two"]), ("abcdef", ["abcdefg", "cd"]), ("abcabd", ["abd", "cab"]),
        ("grüße 👩‍👧 ende", ["👧"]), ("grüße", ["ü"]), ("xyz", ["xyz"]), ("", ["a"]), ("stop", []),
        ("ab", ["abc"]), ("xbc", ["abc", "bc", "c"]), ("User: hi\nUser:", ["\nUser:", "User: x"]),
    ]

    @Test("every cut into pieces gives the text before the first stop", arguments: cases)
    func everyCut(text: String, stops: [String]) throws {
        let expected = Self.expected(text, stops)
        let scalars = Array(text.unicodeScalars)
        for mask in 0..<(1 << max(0, min(scalars.count - 1, 12))) {
            var filter = try StopStringFilter(stops)
            var out = ""
            var piece = String.UnicodeScalarView()
            for (index, scalar) in scalars.enumerated() {
                piece.append(scalar)
                if mask >> index & 1 == 1 || index == scalars.count - 1 {
                    let released = filter.append(String(piece))
                    out.unicodeScalars.append(contentsOf: released.unicodeScalars)
                    piece = .init()
                    // Whatever was released belongs to the result: nothing of a stop string slips out.
                    #expect(expected.text.unicodeScalars.starts(with: out.unicodeScalars))
                }
            }
            out.unicodeScalars.append(contentsOf: filter.finish().unicodeScalars)
            #expect(Array(out.utf8) == Array(expected.text.utf8))
            #expect(filter.isStopped == expected.isStopped)
        }
    }

    @Test("text that cannot begin a stop string is not held back")
    func releasesEarly() throws {
        var filter = try StopStringFilter(["END"])
        #expect(filter.append("a E") == "a ")
        #expect(filter.append("N") == "")
        #expect(filter.append("T") == "ENT")
        #expect(filter.append("END more") == "")
        #expect(filter.isStopped)
        #expect(filter.append("after") == "")
        #expect(filter.finish() == "")
    }

    @Test("an empty stop string is refused")
    func empty() {
        #expect(throws: ParameterError.self) { try StopStringFilter(["a", ""]) }
    }
}
