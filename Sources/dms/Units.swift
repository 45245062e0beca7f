import DMSPicture

/// Numbers as people read them, in what is printed as in pictures.
enum Units {
    /// A number of bytes, as in 3.1 GiB.
    static func bytes(_ count: Int) -> String { Figures.bytes(count) }

    /// A fraction, as in 52 %, or a dash where it is of something that was not measured.
    static func percent(_ fraction: Double) -> String { fraction.isFinite ? Figures.percent(fraction) : "-" }

    /// A ratio, as in 2.36x, or a dash where there is none.
    static func ratio(_ value: Double?) -> String { Figures.ratio(value) }

    /// A number with a fixed count of decimals.
    static func fixed(_ value: Double, _ decimals: Int) -> String { Figures.fixed(value, decimals) }
}
