public import DMSJSON
import Foundation

/// Reads a safetensors file of golden numbers without the project's own reader.
public struct GoldenFile: Sendable {
    private let bytes: [UInt8]
    private let header: JSONObject
    private let base: Int

    public init(_ path: String) throws {
        bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
        let length = bytes[0..<8].enumerated().reduce(0) { $0 + Int($1.element) << (8 * $1.offset) }
        header = try JSONReader.parse(Array(bytes[8..<8 + length])).objectValue ?? JSONObject()
        base = 8 + length
    }

    /// The shape of a tensor.
    public func shape(_ name: String) -> [Int] {
        header[name]?.objectValue?["shape"]?.arrayValue?.compactMap { $0.integerValue.map { Int($0) } } ?? []
    }

    /// A tensor's elements, read as `T`, which must be the type in the file.
    private func elements<T>(_ name: String, _ type: T.Type, dtype: String) -> [T] {
        guard let entry = header[name]?.objectValue, entry["dtype"] == .string(dtype),
            let offsets = entry["data_offsets"]?.arrayValue?.compactMap(\.integerValue), offsets.count == 2
        else { fatalError("golden tensor \(name) of type \(dtype) is not in the file") }
        let range = base + Int(offsets[0])..<base + Int(offsets[1])
        return bytes[range].withUnsafeBytes { raw in
            (0..<raw.count / MemoryLayout<T>.size).map {
                raw.loadUnaligned(fromByteOffset: $0 * MemoryLayout<T>.size, as: T.self)
            }
        }
    }

    public func floats(_ name: String) -> [Float] { elements(name, Float.self, dtype: "F32") }
    public func doubles(_ name: String) -> [Double] { elements(name, Double.self, dtype: "F64") }
    public func integers(_ name: String) -> [Int32] { elements(name, Int32.self, dtype: "I32") }
    public func bytes(_ name: String) -> [UInt8] { elements(name, UInt8.self, dtype: "U8") }
}

/// Files that are committed in `Tests/Goldens`, each written by a script there.
public enum CommittedGoldens {
    /// The path of one of them.
    public static func path(_ name: String) -> String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Goldens").appendingPathComponent(name).path
    }
}

/// Reads a JSON file.
public func readJSON(_ path: String) throws -> JSONValue {
    try JSONReader.parse(Array(try Data(contentsOf: URL(fileURLWithPath: path))))
}
