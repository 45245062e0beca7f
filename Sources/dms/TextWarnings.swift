import DMSTokenizer

/// What nobody sees in a text and what changes figures, said on standard error.
enum TextWarnings {
    static func note(_ marks: TextMarks, in path: String) {
        if marks.hasByteOrderMark {
            Console.note("dms: \(path) begins with a byte order mark, which is left out")
        }
        if marks.hasCarriageReturns {
            Console.note(
                "dms: warning: \(path) has lines that end with CR LF; the carriage returns are tokens of the text, and "
                    + "figures with them are not those without")
        }
    }
}
