/// The printable alphabet in which byte-level tokenizers write arbitrary bytes, that of GPT-2.
///
/// Printable Latin-1 bytes stand for themselves; the other 68 are written as U+0100 and up, in order.
enum ByteAlphabet {
    /// Scalars below 0x144 to bytes; -1 where the alphabet has no such scalar.
    static let byteOfScalar: [Int16] = {
        var table = [Int16](repeating: -1, count: 0x144)
        var next = 0x100
        for byte in 0..<256 {
            let isPrintable =
                (0x21...0x7E).contains(byte) || (0xA1...0xAC).contains(byte) || (0xAE...0xFF).contains(byte)
            if isPrintable {
                table[byte] = Int16(byte)
            } else {
                table[next] = Int16(byte)
                next += 1
            }
        }
        return table
    }()

    /// Appends the bytes that a token's UTF-8 text stands for.
    ///
    /// - Returns: Whether every scalar is of the alphabet; if not, nothing was appended.
    static func decode(_ text: UnsafeBufferPointer<UInt8>, into bytes: inout [UInt8]) -> Bool {
        let start = bytes.count
        var index = 0
        while index < text.count {
            let lead = text[index]
            var scalar = Int(lead)
            if lead >= 0x80 {
                // The alphabet ends at U+0143: two bytes at most.
                guard lead >= 0xC2, lead <= 0xC5, index + 1 < text.count else { return fail(&bytes, start) }
                scalar = (Int(lead) & 0x1F) << 6 | (Int(text[index + 1]) & 0x3F)
                index += 1
            }
            guard scalar < byteOfScalar.count, byteOfScalar[scalar] >= 0 else { return fail(&bytes, start) }
            bytes.append(UInt8(byteOfScalar[scalar]))
            index += 1
        }
        return true
    }

    private static func fail(_ bytes: inout [UInt8], _ start: Int) -> Bool {
        bytes.removeSubrange(start...)
        return false
    }
}
