/// Numbers as people read them.
public enum Figures {
    /// A number of bytes, as in 3.1 GiB.
    public static func bytes(_ count: Int) -> String {
        var value = Double(count)
        for unit in ["B", "KiB", "MiB", "GiB"] {
            if value < 1024 || unit == "GiB" { return unit == "B" ? "\(count) B" : "\(fixed(value, 1)) \(unit)" }
            value /= 1024
        }
        return "\(count) B"
    }

    /// A fraction, as in 52 %.
    public static func percent(_ fraction: Double) -> String { "\(fixed(fraction * 100, 0)) %" }

    /// A ratio, as in 2.36x, or a dash where there is none.
    public static func ratio(_ value: Double?) -> String { value.map { "\(fixed($0, 2))x" } ?? "-" }

    /// A number with a fixed count of decimals.
    public static func fixed(_ value: Double, _ decimals: Int) -> String {
        var scale = 1.0
        for _ in 0..<decimals { scale *= 10 }
        guard value.isFinite, abs(value) * scale < 9e18 else { return "\(value)" }
        let scaled = Int64((abs(value) * scale).rounded())
        let sign = value < 0 && scaled > 0 ? "-" : ""
        if decimals == 0 { return "\(sign)\(scaled)" }
        let digits = String(scaled % Int64(scale))
        let zeros = String(repeating: "0", count: decimals - digits.count)
        return "\(sign)\(scaled / Int64(scale)).\(zeros)\(digits)"
    }

    /// A number with about three digits that matter, as in 12.3, 0.0456 or 1234.
    public static func short(_ value: Double) -> String {
        let size = abs(value)
        if size >= 100 || size == 0 { return trimmed(value, 0) }
        var decimals = 2
        var step = 1.0
        while size < step, decimals < 8 {
            step /= 10
            decimals += 1
        }
        return trimmed(value, decimals)
    }

    /// With at most so many decimals, and none that are 0 at the end.
    static func trimmed(_ value: Double, _ decimals: Int) -> String {
        var text = fixed(value, decimals)
        guard text.contains(".") else { return text }
        while text.hasSuffix("0") { text.removeLast() }
        if text.hasSuffix(".") { text.removeLast() }
        return text
    }
}
