import DMSJSON
import Testing

@testable import DMSServer

@Suite("Events of a stream")
struct EventEncoderTests {
    private static let header = AnswerHeader(id: "cmpl-0f", created: 12, model: "a-model_1.0")
    private static let texts = [
        "a", " the", "~", "~~\"", "\\", "\r\n\t\u{1}", "ünï", "\u{2028}\u{2029}\u{2030}", "🙂", "\u{7F}", "data: [DONE]",
    ]

    @Test("an event made of a frame is the object's own text", arguments: [false, true])
    func frames(includesUsage: Bool) throws {
        for format in [CompletionFormat(header: Self.header), ChatFormat(header: Self.header)] as [any AnswerFormat] {
            let encoder = EventEncoder(format, choices: 3, includesUsage: includesUsage)
            var all = ""
            var expected = ""
            for (index, text) in Self.texts.enumerated() {
                let pieces = [
                    ChoicePiece(index: index % 3, text: text), ChoicePiece(index: 1, text: text, end: .stop),
                    ChoicePiece(index: 2, text: text, probabilities: []), ChoicePiece(index: 0),
                ]
                for piece in pieces {
                    encoder.append(piece, to: &all)
                    var object = format.chunk(piece)
                    if includesUsage { object["usage"] = .null }
                    expected += ServerSentEvents.event(object)
                }
            }
            #expect(all == expected)
            #expect(all.utf8.elementsEqual(expected.utf8))
        }
    }

    @Test("a model whose name has the mark in it is served as well")
    func mark() {
        let format = CompletionFormat(header: AnswerHeader(id: "~", created: 1, model: "m~"))
        var text = ""
        EventEncoder(format, choices: 1, includesUsage: false).append(ChoicePiece(index: 0, text: "x"), to: &text)
        #expect(text == ServerSentEvents.event(format.chunk(ChoicePiece(index: 0, text: "x"))))
    }
}
