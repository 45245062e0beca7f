#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The terminal that a process is run from: its modes, its size, bytes in and out.
public enum Terminal {
    /// How input reaches the process.
    public enum Mode {
        /// Byte by byte, and nothing is done to it: Ctrl-C is a byte.
        case raw
        /// Kept and not shown, so that what is typed during an answer is there afterwards; Ctrl-C is a signal.
        case silent
    }

    /// Whether a person writes and reads.
    public static var isInteractive: Bool {
        let kind = getenv("TERM").map { String(cString: $0) } ?? ""
        return isatty(STDIN_FILENO) != 0 && isatty(STDOUT_FILENO) != 0 && !kind.isEmpty && kind != "dumb"
    }

    /// Columns of a row.
    public static var columns: Int {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col >= 2 else { return 80 }
        return Int(size.ws_col)
    }

    /// Runs `body` with the terminal in a mode, and restores the one before.
    public static func with<Result>(_ mode: Mode, _ body: () throws -> Result) rethrows -> Result {
        var saved = termios()
        guard tcgetattr(STDIN_FILENO, &saved) == 0 else { return try body() }
        var changed = saved
        switch mode {
        case .raw: cfmakeraw(&changed)
        case .silent: changed.c_lflag &= ~tcflag_t(ECHO | ICANON)
        }
        tcsetattr(STDIN_FILENO, TCSADRAIN, &changed)
        defer { tcsetattr(STDIN_FILENO, TCSADRAIN, &saved) }
        return try body()
    }

    /// The next byte of input; `nil` at its end.
    static func read() -> UInt8? {
        var byte: UInt8 = 0
        while true {
            let count = systemRead(&byte)
            if count == 1 { return byte }
            if count < 0, errno == EINTR { continue }
            return nil
        }
    }

    private static func systemRead(_ byte: inout UInt8) -> Int {
        #if canImport(Darwin)
        Darwin.read(STDIN_FILENO, &byte, 1)
        #elseif canImport(Musl)
        Musl.read(STDIN_FILENO, &byte, 1)
        #else
        Glibc.read(STDIN_FILENO, &byte, 1)
        #endif
    }

    /// Whether a byte arrives soon.
    static func hasInput(within milliseconds: Int32) -> Bool {
        var descriptor = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
        return poll(&descriptor, 1, milliseconds) > 0
    }

    /// Shows a text.
    static func write(_ text: String) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { systemWrite($0) }
            if count < 0, errno == EINTR { continue }
            if count <= 0 { return }
            rest = rest.dropFirst(count)
        }
    }

    private static func systemWrite(_ bytes: UnsafeRawBufferPointer) -> Int {
        #if canImport(Darwin)
        Darwin.write(STDOUT_FILENO, bytes.baseAddress, bytes.count)
        #elseif canImport(Musl)
        Musl.write(STDOUT_FILENO, bytes.baseAddress, bytes.count)
        #else
        Glibc.write(STDOUT_FILENO, bytes.baseAddress, bytes.count)
        #endif
    }
}
