import DMSJSON

/// Walks the JSON of a safetensors header, checking one entry at a time.
struct HeaderParser {
    let file: String
    private(set) var entries: [TensorEntry] = []
    private(set) var metadata: JSONObject?
    /// What is wrong with entries, each by itself.
    private(set) var errors: [CheckpointError] = []
    private var names: Set<String> = []

    init(file: String) {
        self.file = file
    }

    /// - Throws: For a text that is no JSON object; what is wrong with entries is in ``errors``.
    mutating func parse(_ text: UnsafeRawBufferPointer) throws(CheckpointError) {
        // Header, tensor, list of numbers: three levels.
        let limits = JSONReader.Limits(depth: 3, entries: SafetensorsHeader.maximumTensorCount)
        var reader = JSONReader(text.bindMemory(to: UInt8.self), limits: limits)
        do {
            try reader.readObject { (reader: inout JSONReader, name: String) throws(any Error) in
                let value = try reader.readValue()
                do throws(CheckpointError) {
                    guard names.insert(name).inserted else { throw fail(name, "the name twice", "unique names") }
                    if name == "__metadata__" {
                        metadata = try readMetadata(value)
                    } else {
                        entries.append(try readEntry(name, value))
                    }
                } catch {
                    errors.append(error)
                }
            }
            try reader.finish()
        } catch {
            throw CheckpointError(file: file, found: "in its header: \(error)", required: "a JSON object of tensors")
        }
    }

    private func readMetadata(_ value: JSONValue) throws(CheckpointError) -> JSONObject {
        guard let object = value.objectValue else {
            throw fail(key: "__metadata__", CheckpointError.shown(value), "an object of strings")
        }
        for (key, value) in object.entries where value.stringValue == nil {
            throw fail(key: "__metadata__.\(key)", CheckpointError.shown(value), "a string")
        }
        return object
    }

    private func readEntry(_ name: String, _ value: JSONValue) throws(CheckpointError) -> TensorEntry {
        guard let object = value.objectValue else {
            throw fail(name, CheckpointError.shown(value), "an object with dtype, shape and data_offsets")
        }
        for key in object.keys where key != "dtype" && key != "shape" && key != "data_offsets" {
            throw fail(
                name, "the key \(CheckpointError.Subject.quoted(key))", "no keys but dtype, shape and data_offsets")
        }
        let dtype = try readDataType(name, object["dtype"])
        let shape = try readShape(name, object["shape"])
        let range = try readOffsets(name, object["data_offsets"])
        guard let count = dtype.byteCount(shape: shape) else {
            throw fail(name, "shape \(shape) of \(dtype.rawValue)", "a size in whole bytes that fits 64 bits")
        }
        guard range.count == count else {
            throw fail(
                name, "data_offsets [\(range.lowerBound), \(range.upperBound)], \(range.count) bytes",
                "\(count) bytes for shape \(shape) of \(dtype.rawValue)")
        }
        return TensorEntry(name: name, dtype: dtype, shape: shape, byteRange: range)
    }

    private func readDataType(_ name: String, _ value: JSONValue?) throws(CheckpointError) -> TensorDataType {
        guard let value else { throw fail(name, "no dtype", "a dtype") }
        guard let text = value.stringValue, let dtype = TensorDataType(rawValue: text) else {
            throw fail(
                name, "dtype \(CheckpointError.shown(value))",
                "one of " + TensorDataType.allCases.map(\.rawValue).joined(separator: ", "))
        }
        return dtype
    }

    private func readShape(_ name: String, _ value: JSONValue?) throws(CheckpointError) -> [Int] {
        guard let value else { throw fail(name, "no shape", "a shape") }
        let dimensions = readCounts(value)
        guard let dimensions, dimensions.count <= SafetensorsHeader.maximumRank else {
            throw fail(
                name, "shape \(CheckpointError.shown(value))",
                "a list of at most \(SafetensorsHeader.maximumRank) integers, none negative")
        }
        return dimensions
    }

    private func readOffsets(_ name: String, _ value: JSONValue?) throws(CheckpointError) -> Range<Int> {
        guard let value else { throw fail(name, "no data_offsets", "data_offsets [begin, end]") }
        guard let offsets = readCounts(value), offsets.count == 2, offsets[0] <= offsets[1] else {
            throw fail(
                name, "data_offsets \(CheckpointError.shown(value))", "[begin, end] with 0 <= begin <= end")
        }
        return offsets[0]..<offsets[1]
    }

    /// A list of integers, none negative; `nil` for anything else.
    private func readCounts(_ value: JSONValue) -> [Int]? {
        guard let elements = value.arrayValue else { return nil }
        var counts: [Int] = []
        for element in elements {
            guard let count = element.integerValue, count >= 0 else { return nil }
            counts.append(Int(count))
        }
        return counts
    }

    private func fail(_ tensor: String, _ found: String, _ required: String) -> CheckpointError {
        CheckpointError(file: file, .tensor(tensor), found: found, required: required)
    }

    private func fail(key: String, _ found: String, _ required: String) -> CheckpointError {
        CheckpointError(file: file, .key(key), found: found, required: required)
    }
}
