#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Standard input, output and error.
enum Console {
    static var isOutputTerminal: Bool { isatty(STDOUT_FILENO) != 0 }
    static var isErrorTerminal: Bool { isatty(STDERR_FILENO) != 0 }
    static var isInputTerminal: Bool { isatty(STDIN_FILENO) != 0 }

    /// Writes to standard output at once, so that text streams.
    static func write(_ text: String) throws {
        if !put(text, STDOUT_FILENO) { throw ConsoleError("standard output: \(String(cString: strerror(errno)))") }
    }

    /// Writes a line to standard error: errors, warnings.
    static func note(_ text: String) { _ = put(text + "\n", STDERR_FILENO) }

    /// Writes a line to standard error if that is a terminal: summaries and progress, which scripts do not want.
    static func progress(_ text: String) {
        if isErrorTerminal { note(text) }
    }

    /// Writes over the current line of a terminal's standard error; an empty text takes the line away.
    static func replaceLine(_ text: String) { _ = put("\r\u{1B}[K" + text, STDERR_FILENO) }

    private static func put(_ text: String, _ file: Int32) -> Bool {
        var text = text
        return text.withUTF8 { bytes in
            var written = 0
            while written < bytes.count {
                let count = writeSome(file, bytes, from: written)
                if count < 0, errno == EINTR { continue }
                if count <= 0 { return false }
                written += count
            }
            return true
        }
    }

    private static func writeSome(_ file: Int32, _ bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
        guard let base = bytes.baseAddress else { return 0 }
        #if canImport(Glibc)
        return Glibc.write(file, base + start, bytes.count - start)
        #elseif canImport(Musl)
        return Musl.write(file, base + start, bytes.count - start)
        #else
        return Darwin.write(file, base + start, bytes.count - start)
        #endif
    }

    /// Whether anything has this path.
    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// All of standard input.
    static func readInput() throws -> [UInt8] {
        var input: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(STDIN_FILENO, &block, block.count)
            if count < 0, errno == EINTR { continue }
            if count < 0 { throw ConsoleError("standard input: \(String(cString: strerror(errno)))") }
            if count == 0 { return input }
            input.append(contentsOf: block[..<count])
        }
    }

    /// All of standard input as text, with every line break it has.
    static func readText() throws -> String {
        let bytes = try readInput()
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ConsoleError("standard input: found bytes that are not UTF-8, required UTF-8 text")
        }
        return text
    }
}

/// Input or output failed.
struct ConsoleError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
