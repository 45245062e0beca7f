import DMSTokenizer

/// Writes conversations as tokens.
///
/// Only the template's own markers become special tokens. What people write is text, whatever it looks like, so no
/// message can pretend to be another.
struct ChatPrompt {
    let template: ChatTemplate
    let tokenizer: Tokenizer

    /// The tokens of a conversation, up to where the model's answer begins.
    func tokens(_ messages: [ChatMessage]) -> [Int32] {
        var pieces: [Piece] = []
        for message in messages { pieces += opening(message.role) + closing(message.content) }
        pieces += opening(.assistant)
        return tokenizer.prefixIDs + encode(merged(pieces))
    }

    /// Ids that end an answer.
    var endTokens: Set<Int32> { Set(template.endTokens.compactMap { tokenizer.id(of: $0) }) }

    // MARK: Pieces

    private enum Piece: Equatable {
        case marker(String)
        case text(String)
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
