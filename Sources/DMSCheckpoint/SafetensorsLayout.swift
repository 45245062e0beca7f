import DMSJSON

/// The order, sizes and header of a safetensors file to be written.
struct SafetensorsLayout {
    /// In file order.
    let tensors: [(declaration: TensorDeclaration, byteCount: Int)]
    /// Everything before the data: the length, the JSON, and the padding.
    let header: [UInt8]

    init(
        _ declarations: [TensorDeclaration], metadata: JSONObject?, alignment: Int = 8, file: String
    ) throws(CheckpointError) {
        precondition(alignment % 8 == 0 && alignment > 0, "data at multiples of \(alignment) bytes")
        let sorted = declarations.sorted { left, right in
            if left.dtype != right.dtype { return left.dtype > right.dtype }
            return left.name.utf8.lexicographicallyPrecedes(right.name.utf8)
        }
        var tensors: [(TensorDeclaration, Int)] = []
        var entries = try Self.metadataEntry(metadata, file: file)
        var names: Set<String> = ["__metadata__"]
        var offset = 0
        for tensor in sorted {
            guard names.insert(tensor.name).inserted else {
                throw CheckpointError(
                    file: file, .tensor(tensor.name), found: "the name twice, or a reserved name",
                    required: "unique names")
            }
            guard tensor.shape.count <= SafetensorsHeader.maximumRank,
                let count = tensor.dtype.byteCount(shape: tensor.shape), count <= Int.max - offset
            else {
                throw CheckpointError(
                    file: file, .tensor(tensor.name), found: "shape \(tensor.shape) of \(tensor.dtype.rawValue)",
                    required: "at most \(SafetensorsHeader.maximumRank) dimensions, none negative, and whole bytes")
            }
            tensors.append((tensor, count))
            let shape = tensor.shape.map(String.init).joined(separator: ",")
            entries.append(
                Self.quoted(tensor.name) + ":{\"dtype\":\"\(tensor.dtype.rawValue)\",\"shape\":[\(shape)],"
                    + "\"data_offsets\":[\(offset),\(offset + count)]}")
            offset += count
        }
        var json = Array("{\(entries.joined(separator: ","))}".utf8)
        let before = MemoryLayout<UInt64>.size + json.count
        json.append(
            contentsOf: repeatElement(UInt8(ascii: " "), count: (alignment - before % alignment) % alignment))
        guard json.count <= SafetensorsHeader.maximumLength, tensors.count <= SafetensorsHeader.maximumTensorCount
        else {
            throw CheckpointError(
                file: file, found: "\(tensors.count) tensors with a header of \(json.count) bytes",
                required: "at most \(SafetensorsHeader.maximumTensorCount) and \(SafetensorsHeader.maximumLength)")
        }
        self.tensors = tensors
        header = withUnsafeBytes(of: UInt64(json.count).littleEndian) { Array($0) } + json
    }

    private static func metadataEntry(_ metadata: JSONObject?, file: String) throws(CheckpointError) -> [String] {
        guard let metadata else { return [] }
        var strings: [String] = []
        for (key, value) in metadata.entries {
            guard let string = value.stringValue else {
                throw CheckpointError(
                    file: file, .key("__metadata__.\(key)"), found: CheckpointError.shown(value), required: "a string")
            }
            strings.append(quoted(key) + ":" + quoted(string))
        }
        return ["\"__metadata__\":{\(strings.joined(separator: ","))}"]
    }

    /// A JSON string with only those escapes that the reference implementation's serialiser writes.
    private static func quoted(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\u{8}": out += "\\b"
            case "\t": out += "\\t"
            case "\n": out += "\\n"
            case "\u{C}": out += "\\f"
            case "\r": out += "\\r"
            case _ where scalar.value < 0x20:
                out += (scalar.value < 0x10 ? "\\u000" : "\\u00") + String(scalar.value, radix: 16)
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }
}
