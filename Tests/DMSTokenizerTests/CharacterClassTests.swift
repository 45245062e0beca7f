import DMSJSON
import DMSTestSupport
import Testing

@testable import DMSTokenizer

@Suite struct CharacterClassTests {
    /// Every scalar, against the classes of the reference library's engine.
    ///
    /// A newer Swift runtime that knows more letters must not change them.
    @Test func everyScalar() throws {
        let classes = try #require(CommittedGoldenTests.file.get()["classes"]?.objectValue)
        var expected = [CharacterClass](repeating: .other, count: 0x110000)
        for (name, value) in [("letter", CharacterClass.letter), ("number", .number), ("space", .space)] {
            let bounds = try #require(classes[name]?.arrayValue).compactMap { $0.integerValue.map { Int($0) } }
            try #require(bounds.count.isMultiple(of: 2) && !bounds.isEmpty)
            for index in stride(from: 0, to: bounds.count, by: 2) {
                for code in bounds[index]..<bounds[index + 1] { expected[code] = value }
            }
        }
        expected[0x0A] = .newline
        expected[0x0D] = .newline
        var wrong: [UInt32] = []
        for code in UInt32(0)..<0x110000 {
            guard let scalar = UnicodeScalar(code) else { continue }
            if CharacterClass(scalar) != expected[Int(code)] { wrong.append(code) }
        }
        #expect(wrong.isEmpty, "\(wrong.count) scalars, the first of them \(wrong.prefix(5))")
    }
}
