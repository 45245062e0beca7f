import DMSJSON
import Testing

@Suite struct JSONTests {
    @Test func roundTrip() throws {
        let text = #"{"a":[1,-2,3.5,1e+30,true,false,null],"b":{"c":"é\n\"\\\u0001😀"},"d":9223372036854775807}"#
        let value = try JSONReader.parse(text)
        #expect(try JSONReader.parse(value.text()) == value)
        #expect(try JSONReader.parse(value.text(indent: 2)) == value)
        #expect(value.objectValue?.keys == ["a", "b", "d"])
        #expect(value.objectValue?["d"] == .integer(.max))
        #expect(value.text().contains("\u{2028}") == false)
    }

    @Test func escapes() throws {
        #expect(try JSONReader.parse(#""\ud83d\ude00\u0041\/""#) == .string("😀A/"))
        #expect(JSONValue.string("\u{2028}\u{7}").text() == #""\u2028\u0007""#)
        for bad in [#""\ud83d""#, #""\ude00""#, #""\ud83d\u0041""#, #""\x""#, #""\u12""#, "\"\u{1}\"", "\"abc"] {
            #expect(throws: JSONError.self) { try JSONReader.parse(bad) }
        }
        #expect(throws: JSONError.self) { try JSONReader.parse([0x22, 0xFF, 0x22]) }
        #expect(throws: JSONError.self) { try JSONReader.parse([0x22, 0xC0, 0x80, 0x22]) }
    }

    @Test func numbers() throws {
        #expect(try JSONReader.parse("-0") == .integer(0))
        #expect(try JSONReader.parse("1.0") == .number(1))
        #expect(try JSONReader.parse("18446744073709551616") == .number(18446744073709551616))
        #expect(try JSONReader.parse("[NaN,Infinity,-Infinity]").arrayValue?.count == 3)
        for bad in ["01", "-", "1.", ".5", "1e", "+1", "0x10", "--1", "1 2"] {
            #expect(throws: JSONError.self) { try JSONReader.parse(bad) }
        }
    }

    @Test func structure() {
        for bad in [
            "", "[", "{", "[1,]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "[1 2]", "{1:2}", "tru", "nul", "]", "{}{}",
        ] {
            #expect(throws: JSONError.self) { try JSONReader.parse(bad) }
        }
        #expect(throws: JSONError.self) { try JSONReader.parse(#"{"a":1,"a":2}"#) }
        #expect(throws: JSONError.self) { try JSONReader.parse(#"{"a":1,"\u0061":2}"#) }
    }

    @Test func limits() throws {
        let deep = String(repeating: "[", count: 64) + String(repeating: "]", count: 64)
        #expect(throws: Never.self) { try JSONReader.parse(deep) }
        #expect(throws: JSONError.self) { try JSONReader.parse("[" + deep + "]") }
        #expect(throws: JSONError.self) { try JSONReader.parse("[1,2,3]", limits: .init(entries: 2)) }
        #expect(throws: JSONError.self) { try JSONReader.parse(#"{"a":1,"b":2}"#, limits: .init(entries: 1)) }
    }

    @Test func everyTruncationIsAnError() {
        let text = Array(#"{"key":[1,-2.5e3,"a\u00e9\n",{"x":null,"y":[true,false]}],"é":"😀"}"#.utf8)
        for length in 0..<text.count {
            #expect(throws: JSONError.self) { try JSONReader.parse(Array(text[..<length])) }
        }
    }

    @Test func skippingChecksAsReadingDoes() throws {
        for text in [#"{"a":[1,{"b":"c"}]}"#, "[]", "\"x\"", "-1.5"] {
            let bytes = Array(text.utf8)
            try bytes.withUnsafeBufferPointer { buffer in
                var reader = JSONReader(buffer)
                try reader.skipValue()
                try reader.finish()
            }
        }
        let bad = Array("[1,{\"a\":tru}]".utf8)
        bad.withUnsafeBufferPointer { buffer in
            var reader = JSONReader(buffer)
            #expect(throws: JSONError.self) { try reader.skipValue() }
        }
    }

    @Test func integersAtTheEdge() throws {
        for value in [Int64.min, .min + 1, -1, 0, 9, .max - 1, .max] {
            #expect(try JSONReader.parse("\(value)") == .integer(value))
        }
        for text in ["9223372036854775808", "-9223372036854775809", "99999999999999999999", "-99999999999999999999"] {
            #expect(try JSONReader.parse(text) == .number(#require(Double(text))))
        }
        for text in ["1e2", "\"1\"", "null", "1.0", "99999999999999999999", ""] {
            #expect(throws: JSONError.self) { try Self.walk(text) { reader in _ = try reader.readInteger() } }
        }
    }

    /// The standard library's own check is the oracle.
    @Test func stringsAreValidUTF8() {
        // Bytes at the borders of what may follow what.
        let bytes: [UInt8] = [
            0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC1, 0xC2, 0xDF, 0xE0, 0xED, 0xEF, 0xF0, 0xF4, 0xF5,
        ]
        var accepted = 0
        for a in bytes {
            for b in bytes {
                for c in bytes {
                    for tail in [[], [0x80], [0xBF, 0x41]] as [[UInt8]] {
                        let text = [a, b, c] + tail
                        let isAccepted = (try? JSONReader.parse([0x22] + text + [0x22])) != nil
                        #expect(isAccepted == (String(validating: text, as: UTF8.self) != nil))
                        accepted += isAccepted ? 1 : 0
                    }
                }
            }
        }
        #expect(accepted > 50)
    }

    @Test func walkingLendsUnescapedBytes() throws {
        var keys: [[UInt8]] = []
        var strings: [String] = []
        try Self.walk(#"{"a\u0062": ["x\n", "y"], "é": ["\ud83d\ude00"]}"#) { reader in
            try reader.readObjectBytes { reader, key in
                keys.append(Array(key))
                try reader.readArray { reader, index in
                    #expect(index < 2)
                    strings.append(try reader.readStringBytes { String(decoding: $0, as: UTF8.self) })
                }
            }
            try reader.finish()
        }
        #expect(keys == [Array("ab".utf8), Array("é".utf8)])
        #expect(strings == ["x\n", "y", "😀"])
    }

    @Test func errorsSayWhere() {
        func offset(_ text: String) -> Int? {
            do throws(JSONError) { _ = try JSONReader.parse(text) } catch { return error.offset }
            return nil
        }
        #expect(offset("[1, 2") == 5)
        #expect(offset("  x") == 2)
        #expect(offset(#"{"a": 1, "a": 2}"#) == 13)
        #expect(offset("[1,\n02]") == 4)
        #expect(offset("\"a\u{1}\"") == 2)
        #expect(offset("[] []") == 3)
    }

    private static func walk(_ text: String, _ body: (inout JSONReader) throws -> Void) throws {
        try Array(text.utf8).withUnsafeBufferPointer { buffer in
            var reader = JSONReader(buffer)
            try body(&reader)
        }
    }
}
