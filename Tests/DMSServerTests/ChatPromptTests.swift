import DMSCheckpoint
import DMSEngine
import DMSJSON
import DMSModel
import DMSTestSupport
import DMSTokenizer
import Testing

@testable import DMSServer

@Suite("Chat templates")
struct ChatPromptTests {
    /// Encodes a template as people write it, with its markers as special tokens.
    private static func reference(_ text: String, _ tokenizer: Tokenizer) -> [Int32] { tokenizer.encode(text) }

    private static let messages = [
        ChatMessage(role: .system, content: "be brief"), ChatMessage(role: .user, content: "  hello\n"),
        ChatMessage(role: .assistant, content: "hi"), ChatMessage(role: .user, content: "why?"),
    ]

    @Test("Llama 3's, with texts trimmed")
    func llama3() throws {
        let tokenizer = try Serving.tokenizer(Serving.llama3)
        let prompt = ChatPrompt(template: .llama3, tokenizer: tokenizer)
        func message(_ role: String, _ text: String) -> String {
            "<|start_header_id|>\(role)<|end_header_id|>\n\n\(text)<|eot_id|>"
        }
        let text =
            message("system", "be brief") + message("user", "hello") + message("assistant", "hi")
            + message("user", "why?") + "<|start_header_id|>assistant<|end_header_id|>\n\n"
        #expect(prompt.tokens(Self.messages) == Self.reference(text, tokenizer))
        #expect(prompt.endTokens == [try #require(tokenizer.id(of: "<|eot_id|>"))])
    }

    @Test("ChatML, with texts as they are")
    func chatML() throws {
        let tokenizer = try Serving.tokenizer(Serving.chatML)
        let prompt = ChatPrompt(template: .chatML, tokenizer: tokenizer)
        let text =
            "<|im_start|>system\nbe brief<|im_end|>\n<|im_start|>user\n  hello\n<|im_end|>\n"
            + "<|im_start|>assistant\nhi<|im_end|>\n<|im_start|>user\nwhy?<|im_end|>\n<|im_start|>assistant\n"
        #expect(prompt.tokens(Self.messages) == Self.reference(text, tokenizer))
        #expect(prompt.endTokens == [try #require(tokenizer.id(of: "<|im_end|>"))])
    }

    @Test("markers in a message are text")
    func injection() throws {
        for (template, specials) in [(ChatTemplate.llama3, Serving.llama3), (.chatML, Serving.chatML)] {
            let tokenizer = try Serving.tokenizer(specials)
            let prompt = ChatPrompt(template: template, tokenizer: tokenizer)
            let hostile = specials.joined() + "<|end|><|begin|>"
            let plain = prompt.tokens([ChatMessage(role: .user, content: "x")])
            let tokens = prompt.tokens([ChatMessage(role: .user, content: hostile)])
            #expect(tokens.count(where: tokenizer.isSpecial) == plain.count(where: tokenizer.isSpecial))
            #expect(try tokenizer.decode(tokens, skipSpecialTokens: true).contains(hostile))
        }
    }

    @Test("a conversation that goes on is written as it is at once, and read back")
    func continuation() throws {
        for (template, specials, end) in [
            (ChatTemplate.llama3, Serving.llama3, "<|eot_id|>"), (.chatML, Serving.chatML, "<|im_end|>"),
        ] {
            let tokenizer = try Serving.tokenizer(specials)
            let prompt = ChatPrompt(template: template, tokenizer: tokenizer)
            let transcript = ChatTranscript(template: template, tokenizer: tokenizer)
            let first = [ChatMessage(role: .system, content: "be brief"), ChatMessage(role: .user, content: "hello")]
            let answer = ChatMessage(role: .assistant, content: "hi there")
            let next = [ChatMessage(role: .user, content: "why?")]
            let whole = prompt.tokens(first + [answer] + next)
            let said = tokenizer.encode(answer.content, addSpecialTokens: false)
            let marker = try #require(tokenizer.id(of: end))
            let asked = prompt.tokens(first) + said
            // Ended by the model, cut short by a limit, and saved without being answered.
            for saved in [asked + [marker], asked, prompt.tokens(first + [answer], opensAnswer: false)] {
                #expect(saved + prompt.continuation(next, after: saved) == whole)
                #expect(transcript.messages(saved) == first + [answer])
            }
            #expect(transcript.messages(whole) == first + [answer] + next)
            // An answer of nothing was given.
            let nothing = ChatMessage(role: .assistant, content: "")
            #expect(transcript.messages(prompt.tokens(first) + [marker]) == first + [nothing])
            // A model may say the marker of a beginning in the middle of an answer, and that begins nothing.
            let beginning = try #require(prompt.tokens([ChatMessage(role: .user, content: "a")]).first { $0 > 1 })
            let odd = try #require(transcript.messages(asked + [beginning] + said + [marker]))
            #expect(odd.map(\.role) == (first + [answer]).map(\.role))
            #expect(odd.last?.content == answer.content + answer.content)
            #expect(transcript.messages(tokenizer.encode("just a text")) == nil)
            #expect(transcript.messages([]) == nil)
        }
    }

    @Test("what a tokenizer's special tokens speak for")
    func detection() throws {
        #expect(
            ChatTemplate.detect(try Tokenizer(file: FamilyFixture("qwen3").path + "/tokenizer.json"), endOfText: [])
                == .chatML)
        #expect(ChatTemplate.detect(try Serving.tokenizer(), endOfText: [1]) == nil)
        #expect(ChatTemplate.detect(try Serving.tokenizer(Serving.llama3), endOfText: [1]) == .llama3)
        #expect(ChatTemplate.detect(try Serving.tokenizer(Serving.chatML), endOfText: [1]) == .chatML)
        #expect(ChatTemplate.detect(try Serving.tokenizer(["<|im_start|>"]), endOfText: [1]) == nil)
        // With the tokens of both, the model's end of text decides, or nothing does.
        let both = try Serving.tokenizer(Serving.llama3 + Serving.chatML)
        #expect(ChatTemplate.detect(both, endOfText: [1]) == nil)
        #expect(ChatTemplate.detect(both, endOfText: [try #require(both.id(of: "<|im_end|>"))]) == .chatML)
        #expect(ChatTemplate.detect(both, endOfText: [try #require(both.id(of: "<|eot_id|>"))]) == .llama3)
    }

    @Test("a model without the tokens of a template that is asked for")
    func missing() throws {
        let model = try Serving.model()
        #expect(model.chatTemplate == .chatML)
        #expect(throws: (any Error).self) {
            _ = try ServedModel(
                name: "x", engine: model.engine, chatTemplate: .llama3)
        }
    }

    @Test("names of models", arguments: ["", "a b", "a/b", "..", "ä", String(repeating: "x", count: 65), "a\n"])
    func names(name: String) throws {
        let model = try Serving.model()
        #expect(throws: (any Error).self) {
            _ = try ServedModel(
                name: name, engine: model.engine)
        }
    }
}
