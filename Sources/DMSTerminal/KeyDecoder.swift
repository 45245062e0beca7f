/// Makes keys of a terminal's bytes: UTF-8, control characters, the usual escape sequences, and bracketed paste.
///
/// A value without a terminal: bytes go in one at a time.
public struct KeyDecoder: Sendable {
    private enum State {
        case ground
        case utf8([UInt8], missing: Int)
        case escape
        case sequence([UInt8])
        case paste
    }

    private var state = State.ground
    private var pasted: [UInt8] = []
    private static let escape: UInt8 = 0x1B
    private static let pasteEnd = Array("\u{1B}[201~".utf8)
    /// Longer ones are no keys.
    private static let longestSequence = 32

    public init() {}

    /// Whether an escape has begun that may be the key of that name, if nothing follows soon.
    public var isAmbiguous: Bool {
        if case .escape = state { return true }
        return false
    }

    /// Nothing followed.
    public mutating func settle() { if isAmbiguous { state = .ground } }

    /// - Returns: The key that the byte completes.
    public mutating func take(_ byte: UInt8) -> Key? {
        switch state {
        case .ground: return takeFirst(byte)
        case .utf8(let bytes, let missing): return takeContinuation(byte, bytes, missing)
        case .escape: return takeEscaped(byte)
        case .sequence(let bytes): return takeSequence(byte, bytes)
        case .paste: return takePasted(byte)
        }
    }

    private mutating func takeFirst(_ byte: UInt8) -> Key? {
        switch byte {
        case Self.escape:
            state = .escape
            return nil
        case 0x20...0x7E: return .text(String(UnicodeScalar(byte)))
        case 0xC2...0xDF: state = .utf8([byte], missing: 1)
        case 0xE0...0xEF: state = .utf8([byte], missing: 2)
        case 0xF0...0xF4: state = .utf8([byte], missing: 3)
        case 0x80...0xFF: return .text("\u{FFFD}")
        default: return Self.control(byte)
        }
        return nil
    }

    private static func control(_ byte: UInt8) -> Key {
        switch byte {
        case 0x01: .home
        case 0x02: .left
        case 0x03: .interrupt
        case 0x04: .endOrDelete
        case 0x05: .end
        case 0x06: .right
        case 0x08, 0x7F: .backspace
        case 0x09: .text("    ")
        case 0x0A: .lineBreak
        case 0x0B: .cutToEnd
        case 0x0C: .clearScreen
        case 0x0D: .enter
        case 0x0E: .down
        case 0x10: .up
        case 0x15: .cutToStart
        case 0x17: .cutWord
        case 0x19: .yank
        default: .other
        }
    }

    private mutating func takeContinuation(_ byte: UInt8, _ bytes: [UInt8], _ missing: Int) -> Key? {
        guard (0x80...0xBF).contains(byte) else {
            // The byte begins something else; what came before it is no character.
            state = .ground
            return take(byte) ?? .text("\u{FFFD}")
        }
        if missing > 1 {
            state = .utf8(bytes + [byte], missing: missing - 1)
            return nil
        }
        state = .ground
        let text = String(decoding: bytes + [byte], as: UTF8.self)
        // Controls of eight bits, some of which terminals obey.
        return text.unicodeScalars.contains { $0.properties.generalCategory == .control } ? .other : .text(text)
    }

    private mutating func takeEscaped(_ byte: UInt8) -> Key? {
        state = .ground
        switch byte {
        case UInt8(ascii: "["), UInt8(ascii: "O"): state = .sequence([byte])
        case Self.escape: state = .escape
        case 0x0D, 0x0A: return .lineBreak
        case UInt8(ascii: "b"): return .wordLeft
        case UInt8(ascii: "f"): return .wordRight
        case 0x7F, 0x08: return .cutWord
        default: return .other
        }
        return nil
    }

    private mutating func takeSequence(_ byte: UInt8, _ bytes: [UInt8]) -> Key? {
        // Parameters and what stands between; the first byte beyond ends it.
        if (0x20...0x3F).contains(byte), bytes.count < Self.longestSequence {
            state = .sequence(bytes + [byte])
            return nil
        }
        state = .ground
        let text = String(decoding: bytes.dropFirst() + [byte], as: UTF8.self)
        switch text {
        case "200~":
            state = .paste
            pasted = []
            return nil
        case "A": return .up
        case "B": return .down
        case "C": return .right
        case "D": return .left
        case "H", "1~", "7~": return .home
        case "F", "4~", "8~": return .end
        case "3~": return .delete
        case "1;5C", "1;3C": return .wordRight
        case "1;5D", "1;3D": return .wordLeft
        default: return .other
        }
    }

    private mutating func takePasted(_ byte: UInt8) -> Key? {
        pasted.append(byte)
        guard pasted.suffix(Self.pasteEnd.count).elementsEqual(Self.pasteEnd) else { return nil }
        state = .ground
        let text = String(decoding: pasted.dropLast(Self.pasteEnd.count), as: UTF8.self)
        pasted = []
        return .text(text.replacingLineBreaks)
    }
}

extension String {
    /// The text with every line break a line feed, and no other control characters.
    fileprivate var replacingLineBreaks: String {
        var scalars = String.UnicodeScalarView()
        var last: Unicode.Scalar?
        for scalar in unicodeScalars {
            if scalar == "\r" || scalar == "\n" && last != "\r" {
                scalars.append("\n")
            } else if scalar.properties.generalCategory != .control {
                scalars.append(scalar)
            } else if scalar == "\t" {
                scalars.append(contentsOf: "    ".unicodeScalars)
            }
            last = scalar
        }
        return String(scalars)
    }
}
