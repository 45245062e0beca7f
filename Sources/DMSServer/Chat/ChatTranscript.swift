package import DMSTokenizer

/// Reads a conversation back out of its tokens: what ``ChatPrompt`` wrote and what a model answered.
package struct ChatTranscript {
    let template: ChatTemplate
    let tokenizer: Tokenizer

    package init(template: ChatTemplate, tokenizer: Tokenizer) {
        self.template = template
        self.tokenizer = tokenizer
    }

    /// - Returns: The messages; `nil` for tokens that are no conversation in this template.
    package func messages(_ tokens: [Int32]) -> [ChatMessage]? {
        guard let start = tokenizer.id(of: startMarker) else { return nil }
        let ends = ends
        let starts = Self.starts(of: start, ends: ends, in: tokens)
        if starts.isEmpty { return nil }
        let parts = zip(starts, starts.dropFirst() + [tokens.count]).map { tokens[($0 + 1)..<$1] }
        var messages: [ChatMessage] = []
        for part in parts {
            guard let message = message(part) else { return nil }
            messages.append(message)
        }
        // An answer that was opened and not begun is no message.
        let isOpen = tokens.suffix(from: parts.last?.startIndex ?? 0).allSatisfy { !ends.contains($0) }
        if isOpen, messages.last == ChatMessage(role: .assistant, content: "") { messages.removeLast() }
        return messages
    }

    /// Where messages begin.
    ///
    /// A model may say the marker itself in the middle of an answer: only behind the end of a message does it open the next.
    private static func starts(of marker: Int32, ends: [Int32], in tokens: [Int32]) -> [Int] {
        var starts: [Int] = []
        var isOpen = false
        for (index, token) in tokens.enumerated() {
            if token == marker, !isOpen {
                starts.append(index)
                isOpen = true
            } else if ends.contains(token) {
                isOpen = false
            }
        }
        return starts
    }

    private var ends: [Int32] { template.endTokens.compactMap { tokenizer.id(of: $0) } }

    private var startMarker: String {
        switch template {
        case .llama3: "<|start_header_id|>"
        case .chatML: "<|im_start|>"
        }
    }

    private func message(_ part: ArraySlice<Int32>) -> ChatMessage? {
        let body = part.prefix { !ends.contains($0) }
        switch template {
        case .llama3:
            guard let end = tokenizer.id(of: "<|end_header_id|>"), let place = body.firstIndex(of: end),
                let role = text(body[..<place]), let content = text(body[(place + 1)...])
            else { return nil }
            return message(role, content.hasPrefix("\n\n") ? String(content.dropFirst(2)) : content)
        case .chatML:
            guard let text = text(body), let line = text.firstIndex(of: "\n") else { return nil }
            return message(String(text[..<line]), String(text[text.index(after: line)...]))
        }
    }

    private func message(_ role: String, _ content: String) -> ChatMessage? {
        ChatMessage.Role(rawValue: role).map { ChatMessage(role: $0, content: content) }
    }

    private func text(_ tokens: ArraySlice<Int32>) -> String? {
        try? tokenizer.decode(Array(tokens), skipSpecialTokens: true)
    }
}
