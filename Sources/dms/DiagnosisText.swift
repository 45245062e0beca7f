import DMSCheckpoint
import DMSDoctor

/// A diagnosis as people read it.
struct DiagnosisText {
    private let diagnosis: Diagnosis

    init(_ diagnosis: Diagnosis) { self.diagnosis = diagnosis }

    var text: String {
        let findings = diagnosis.findings.map { Self.lines($0) }.joined()
        let verdicts = diagnosis.verdicts.map { Self.lines($0) }.joined()
        let unread = diagnosis.isQuick ? "; the weights were not read" : ""
        return "\(diagnosis.path)\n\n\(findings)\n\(verdicts)\n"
            + "\(Self.count(diagnosis.count(.problem), "problem")), \(Self.count(diagnosis.count(.warning), "warning"))"
            + "\(unread)\n"
    }

    private static func lines(_ finding: Finding) -> String {
        let place = plain(finding.file + (finding.subject.map { ": \($0)" } ?? ""))
        guard finding.severity != .ok else {
            return "ok       \(padded(place, 22)) \(plain(finding.found))\n"
        }
        return "\(padded(finding.severity.rawValue, 8)) \(place)\n" + line("found", finding.found)
            + line("required", finding.required) + line("do", finding.advice)
    }

    private static func lines(_ verdict: EngineVerdict) -> String {
        "\(padded(verdict.engine.rawValue, 13)) \(plain(verdict.summary))\n"
            + verdict.notes.map { "\(padded("", 13)) - \(plain($0))\n" }.joined()
    }

    private static func line(_ name: String, _ text: String) -> String {
        text.isEmpty ? "" : "         \(padded(name, 9)) \(plain(text))\n"
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    /// Texts may quote files: nothing in them moves a terminal's cursor.
    private static func plain(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) ? "\u{FFFD}" : $0 }))
    }

    private static func count(_ number: Int, _ what: String) -> String {
        "\(number == 0 ? "no" : "\(number)") \(what)\(number == 1 ? "" : "s")"
    }
}
