/// A piece of text as scalars, each with its class, for scanners that look a few scalars ahead.
struct ClassifiedText {
    private let text: UnsafeBufferPointer<UInt8>
    private(set) var classes: [CharacterClass] = []
    /// The byte at which each scalar starts, and the end of the text.
    private var offsets: [Int] = []

    /// - Parameter text: Valid UTF-8, as the bytes of a `String` are; it must outlive the value.
    init(_ text: UnsafeBufferPointer<UInt8>) {
        self.text = text
        classes.reserveCapacity(text.count)
        offsets.reserveCapacity(text.count + 1)
        var offset = 0
        while offset < text.count {
            let lead = text[offset]
            offsets.append(offset)
            if lead < 0x80 {
                classes.append(CharacterClass(ascii: lead))
                offset += 1
            } else {
                let length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4
                var value = UInt32(lead) & (0xFF >> UInt32(length + 1))
                for next in 1..<length { value = value << 6 | UInt32(text[offset + next] & 0x3F) }
                classes.append(CharacterClass(UnicodeScalar(value) ?? "\u{FFFD}"))
                offset += length
            }
        }
        offsets.append(text.count)
    }

    /// The number of scalars.
    var count: Int { classes.count }

    func byteRange(_ scalars: Range<Int>) -> Range<Int> { offsets[scalars.lowerBound]..<offsets[scalars.upperBound] }

    func isClass(_ wanted: CharacterClass, at index: Int) -> Bool { index < count && classes[index] == wanted }

    /// The first byte of a scalar: the scalar itself if it is ASCII.
    ///
    /// 0 beyond the end.
    func byte(at index: Int) -> UInt8 { index < count ? text[offsets[index]] : 0 }

    /// An ASCII letter in lower case; the long s (U+017F) is an s in another case.
    ///
    /// Meaningless for other scalars, but never a letter.
    func folded(at index: Int) -> UInt8 {
        let byte = byte(at: index)
        if byte < 0x80 { return byte | 0x20 }
        return byte == 0xC5 && text[offsets[index] + 1] == 0xBF ? UInt8(ascii: "s") : 0
    }

    /// The end of a run of one class.
    func end(of wanted: CharacterClass, from start: Int, limit: Int = .max) -> Int {
        var end = start
        while end < count, classes[end] == wanted, end - start < limit { end += 1 }
        return end
    }

    /// The end of `'s`, `'t`, `'re`, `'ve`, `'m`, `'ll` or `'d`.
    func contractionEnd(from start: Int, ignoringCase: Bool) -> Int? {
        guard byte(at: start) == UInt8(ascii: "'") else { return nil }
        func letter(_ index: Int) -> UInt8 { ignoringCase ? folded(at: index) : byte(at: index) }
        switch letter(start + 1) {
        case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"): return start + 2
        case UInt8(ascii: "r"), UInt8(ascii: "v"): return letter(start + 2) == UInt8(ascii: "e") ? start + 3 : nil
        case UInt8(ascii: "l"): return letter(start + 2) == UInt8(ascii: "l") ? start + 3 : nil
        default: return nil
        }
    }
}
