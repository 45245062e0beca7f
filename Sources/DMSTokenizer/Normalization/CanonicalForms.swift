/// Normalization form C (Unicode Standard Annex #15) of the Unicode version that the reference library has.
///
/// A table of its own, because the Swift runtime's is of another version, and the ids of a text are not to change with it.
struct CanonicalForms: Sendable {
    /// Full decompositions.
    private var decompositions: [UInt32: [UInt32]] = [:]
    /// What two scalars compose to, by both.
    private var compositions: [UInt64: UInt32] = [:]
    /// Combining classes, where they are not 0.
    private var classes: [UInt32: UInt8] = [:]
    /// Scalars that may not stand where they do in text of this form: those that decompose for good, marks, and what
    /// composes with a scalar before it.
    private var suspects: Set<UInt32> = []

    static let shared = CanonicalForms()

    private init() {
        for entry in Self.entries(of: CanonicalData.mappings) {
            let composes = entry.contains("=")
            let numbers = Self.numbers(in: entry)
            let (whole, parts) = (numbers[0], Array(numbers[1...]))
            decompositions[whole] = parts
            if composes {
                compositions[Self.pair(parts[0], parts[1])] = whole
                suspects.insert(parts[1])
            } else {
                suspects.insert(whole)
            }
        }
        // One part of a mapping may have one of its own.
        for whole in decompositions.keys { decompositions[whole] = decomposition(whole) }
        for entry in Self.entries(of: CanonicalData.classes) {
            let sides = entry.split(separator: "=")
            let ends = Self.numbers(in: sides[0])
            for scalar in ends[0]...(ends.last ?? ends[0]) {
                classes[scalar] = UInt8(sides[1])
                suspects.insert(scalar)
            }
        }
        suspects.formUnion(Hangul.vowels)
        suspects.formUnion(Hangul.finals)
    }

    private static func entries(of text: String) -> [Substring] { text.split(whereSeparator: \.isWhitespace) }

    private static func numbers(in entry: Substring) -> [UInt32] {
        entry.split(whereSeparator: { "=-+".contains($0) }).compactMap { UInt32($0, radix: 16) }
    }

    private static func pair(_ first: UInt32, _ second: UInt32) -> UInt64 { UInt64(first) << 32 | UInt64(second) }

    private func decomposition(_ scalar: UInt32) -> [UInt32] {
        decompositions[scalar].map { $0.flatMap(decomposition) } ?? [scalar]
    }

    /// The composed text, or `nil` where `text` is that already.
    ///
    /// O(n log n) at worst, for a text of nothing but marks; text below U+0300 costs one look at each byte.
    ///
    /// - Parameter text: Valid UTF-8.
    func composed(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
        // U+0300 is the first suspect, and CC its first byte.
        guard text.contains(where: { $0 >= 0xCC }) else { return nil }
        let scalars = String(decoding: text, as: UTF8.self).unicodeScalars.map(\.value)
        guard scalars.contains(where: { $0 >= 0x300 && suspects.contains($0) }) else { return nil }
        let ordered = ordered(scalars)
        var result = String.UnicodeScalarView()
        for scalar in composed(ordered) { result.append(UnicodeScalar(scalar) ?? "\u{FFFD}") }
        return Array(String(result).utf8)
    }

    private typealias Mark = (scalar: UInt32, combiningClass: UInt8)

    /// Decomposed, with the marks behind each starter in the order of their classes.
    private func ordered(_ scalars: [UInt32]) -> [Mark] {
        var result: [Mark] = []
        result.reserveCapacity(scalars.count)
        var firstMark = 0
        func sortMarks() {
            guard result.count - firstMark > 1 else { return }
            // Marks of one class stay in the order they came in.
            let sorted = result[firstMark...].enumerated().sorted {
                ($0.element.combiningClass, $0.offset) < ($1.element.combiningClass, $1.offset)
            }
            result.replaceSubrange(firstMark..., with: sorted.map(\.element))
        }
        for scalar in scalars {
            for part in decompositions[scalar] ?? [scalar] {
                let combiningClass = classes[part] ?? 0
                if combiningClass == 0 {
                    sortMarks()
                    firstMark = result.count + 1
                }
                result.append((part, combiningClass))
            }
        }
        sortMarks()
        return result
    }

    private func composed(_ marks: [Mark]) -> [UInt32] {
        var result: [UInt32] = []
        result.reserveCapacity(marks.count)
        var starter: Int?
        // Of what stands between the starter and the next mark; below every class while nothing does.
        var lastClass = -1
        for (scalar, combiningClass) in marks {
            if let starter, lastClass < Int(combiningClass), let whole = composition(result[starter], scalar) {
                result[starter] = whole
                continue
            }
            if combiningClass == 0 {
                starter = result.count
                lastClass = -1
            } else {
                lastClass = Int(combiningClass)
            }
            result.append(scalar)
        }
        return result
    }

    private func composition(_ first: UInt32, _ second: UInt32) -> UInt32? {
        Hangul.composition(first, second) ?? compositions[Self.pair(first, second)]
    }
}

/// Syllables of Korean, which compose by arithmetic (The Unicode Standard, 3.12).
///
/// None is ever taken apart, as it would be composed again from the same parts.
private enum Hangul {
    static let leads: Range<UInt32> = 0x1100..<0x1113
    static let vowels: Range<UInt32> = 0x1161..<0x1176
    static let finals: Range<UInt32> = 0x11A8..<0x11C3
    static let syllables: Range<UInt32> = 0xAC00..<0xD7A4
    private static let finalsPerVowel: UInt32 = 28

    static func composition(_ first: UInt32, _ second: UInt32) -> UInt32? {
        if leads.contains(first), vowels.contains(second) {
            let index = (first - leads.lowerBound) * UInt32(vowels.count) + (second - vowels.lowerBound)
            return syllables.lowerBound + index * finalsPerVowel
        }
        if syllables.contains(first), (first - syllables.lowerBound) % finalsPerVowel == 0, finals.contains(second) {
            return first + (second - finals.lowerBound) + 1
        }
        return nil
    }
}
