package import DMSTokenizer

/// Writes conversations as tokens.
///
/// Only the template's own markers become special tokens. What people write is text, whatever it looks like, so no
/// message can pretend to be another.
package struct ChatPrompt {
    package let template: ChatTemplate
    package let tokenizer: Tokenizer

    package init(template: ChatTemplate, tokenizer: Tokenizer) {
        self.template = template
        self.tokenizer = tokenizer
    }

    /// The tokens of a conversation, up to where the model's answer begins.
    ///
    /// - Parameter opensAnswer: Whether an answer begins.
    package func tokens(_ messages: [ChatMessage], opensAnswer: Bool = true) -> [Int32] {
        tokenizer.prefixIDs + encode(merged(pieces(messages) + (opensAnswer ? opening(.assistant) : [])))
    }

    /// The tokens that go on from a conversation, up to where the model's answer begins.
    ///
    /// - Parameter saved: All tokens of the conversation; an answer that was cut short at its end is closed.
    package func continuation(_ messages: [ChatMessage], after saved: [Int32]) -> [Int32] {
        encode(merged(missingEnd(of: saved) + pieces(messages) + opening(.assistant)))
    }

    /// Ids that end an answer.
    package var endTokens: Set<Int32> { Set(template.endTokens.compactMap { tokenizer.id(of: $0) }) }

    // MARK: Pieces

    private enum Piece: Equatable {
        case marker(String)
        case text(String)
    }

    private func pieces(_ messages: [ChatMessage]) -> [Piece] {
        messages.flatMap { opening($0.role) + closing($0.content) }
    }

    /// What the last message of a conversation lacks of its end: a model writes the marker, if it comes to an end, and
    /// nothing behind it.
    private func missingEnd(of saved: [Int32]) -> [Piece] {
        let isClosed = saved.last.map(endTokens.contains) ?? true
        switch template {
        case .llama3: return isClosed ? [] : [.marker("<|eot_id|>")]
        case .chatML:
            if isClosed { return [.text("\n")] }
            let lineBreak = tokenizer.encode("\n", addSpecialTokens: false, parseSpecialTokens: false)
            let isWhole = saved.dropLast(lineBreak.count).last.map(endTokens.contains) ?? false
            return isWhole && saved.suffix(lineBreak.count).elementsEqual(lineBreak)
                ? [] : [.marker("<|im_end|>"), .text("\n")]
        }
    }

    private func opening(_ role: ChatMessage.Role) -> [Piece] {
        switch template {
        case .llama3:
            [
                .marker("<|start_header_id|>"), .text(role.rawValue), .marker("<|end_header_id|>"), .text("\n\n"),
            ]
        case .chatML: [.marker("<|im_start|>"), .text(role.rawValue + "\n")]
        }
    }

    private func closing(_ content: String) -> [Piece] {
        switch template {
        case .llama3: [.text(content.trimmed), .marker("<|eot_id|>")]
        case .chatML: [.text(content), .marker("<|im_end|>"), .text("\n")]
        }
    }

    /// Joins texts that touch, because a tokenizer has to see them as one.
    private func merged(_ pieces: [Piece]) -> [Piece] {
        pieces.reduce(into: []) { merged, piece in
            if case .text(let next) = piece, case .text(let last)? = merged.last {
                merged[merged.count - 1] = .text(last + next)
            } else {
                merged.append(piece)
            }
        }
    }

    private func encode(_ pieces: [Piece]) -> [Int32] {
        pieces.flatMap { piece -> [Int32] in
            switch piece {
            case .marker(let name): tokenizer.id(of: name).map { [$0] } ?? []
            case .text(let text): tokenizer.encode(text, addSpecialTokens: false, parseSpecialTokens: false)
            }
        }
    }
}

extension String {
    /// The text without white space at either end.
    fileprivate var trimmed: String {
        let scalars = unicodeScalars
        guard let first = scalars.firstIndex(where: { !$0.properties.isWhitespace }),
            let last = scalars.lastIndex(where: { !$0.properties.isWhitespace })
        else { return "" }
        return String(scalars[first...last])
    }
}
