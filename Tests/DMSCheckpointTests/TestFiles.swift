import DMSCheckpoint
import Testing

/// A safetensors file from the text of its header, with a length that says what it is.
func safetensors(_ header: String, data: Int = 0) -> [UInt8] {
    let json = Array(header.utf8)
    return withUnsafeBytes(of: UInt64(json.count).littleEndian) { Array($0) } + json
        + (0..<data).map { UInt8(truncatingIfNeeded: $0) }
}

/// A well-formed file of tensors of one type, whose bytes count up.
func safetensors(_ dtype: TensorDataType, _ tensors: [(name: String, shape: [Int])]) -> [UInt8] {
    var entries: [String] = []
    var offset = 0
    for (name, shape) in tensors {
        let count = dtype.byteCount(shape: shape)!
        entries.append(
            "\"\(name)\":{\"dtype\":\"\(dtype.rawValue)\",\"shape\":\(shape),\"data_offsets\":[\(offset),\(offset + count)]}"
        )
        offset += count
    }
    return safetensors("{\(entries.joined(separator: ","))}", data: offset)
}

/// Requires that a call throws a ``CheckpointError`` that says what it must.
func expectError<T>(
    file: String, _ subject: CheckpointError.Subject?, found: String, required: String = "",
    sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws(CheckpointError) -> T
) {
    do {
        _ = try body()
        Issue.record("no error, expected one with \"\(found)\"", sourceLocation: sourceLocation)
    } catch {
        #expect(error.file.hasSuffix(file), sourceLocation: sourceLocation)
        #expect(error.subject == subject, "\(error)", sourceLocation: sourceLocation)
        #expect(error.found.contains(found), "\(error)", sourceLocation: sourceLocation)
        #expect(error.required.contains(required), "\(error)", sourceLocation: sourceLocation)
        let description = error.description
        #expect(
            description.contains(error.found) && description.contains(error.required)
                && description.hasPrefix(error.file), sourceLocation: sourceLocation)
    }
}
