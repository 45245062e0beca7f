#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Memory that the operating system says this process holds; Linux says it in `/proc`.
public enum ProcessMemory {
    /// Bytes resident now, or `nil` where the system does not say.
    public static var residentBytes: Int? { statusField("VmRSS:") }

    /// The most bytes resident at a time since the start or the last successful ``resetPeak()``, or `nil`.
    public static var peakResidentBytes: Int? { statusField("VmHWM:") }

    /// Starts the peak again from what is resident now, where the system can.
    public static func resetPeak() {
        guard let file = fopen("/proc/self/clear_refs", "w") else { return }
        fputs("5", file)
        fclose(file)
    }

    private static func statusField(_ name: String) -> Int? {
        guard let file = fopen("/proc/self/status", "r") else { return nil }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        while fgets(&line, Int32(line.count), file) != nil {
            let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            guard text.hasPrefix(name) else { continue }
            return text.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
        }
        return nil
    }
}
