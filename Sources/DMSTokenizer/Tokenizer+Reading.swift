#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

extension Tokenizer {
    /// The largest `tokenizer.json` that is read, in bytes.
    static let maximumFileSize = 256 << 20

    /// Reads a `tokenizer.json`.
    ///
    /// - Throws: ``TokenizerError`` for a file that cannot be read, is not well-formed, or asks for something that is
    ///   not supported, which it names.
    public convenience init(file path: String) throws(TokenizerError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw TokenizerError(file: path, found: String(cString: strerror(errno)), required: "a readable file")
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw TokenizerError(file: path, found: "no regular file", required: "a tokenizer.json")
        }
        let size = Int(status.st_size)
        guard size > 0, size <= Self.maximumFileSize else {
            throw TokenizerError(
                file: path, found: "\(size) bytes", required: "a tokenizer.json of 1 to \(Self.maximumFileSize) bytes")
        }
        guard let address = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), address != MAP_FAILED else {
            throw TokenizerError(file: path, found: String(cString: strerror(errno)), required: "a readable file")
        }
        defer { munmap(address, size) }
        let bytes = UnsafeBufferPointer(start: address.assumingMemoryBound(to: UInt8.self), count: size)
        self.init(try TokenizerFile.read(bytes, file: path))
    }

    /// Reads the text of a `tokenizer.json`.
    ///
    /// - Parameter name: The name that errors use.
    /// - Throws: ``TokenizerError`` as ``init(file:)`` does.
    public convenience init(json: [UInt8], name: String = "tokenizer.json") throws(TokenizerError) {
        let result: Result<TokenizerParts, TokenizerError> = json.withUnsafeBufferPointer { bytes in
            do throws(TokenizerError) {
                return .success(try TokenizerFile.read(bytes, file: name))
            } catch {
                return .failure(error)
            }
        }
        self.init(try result.get())
    }
}
