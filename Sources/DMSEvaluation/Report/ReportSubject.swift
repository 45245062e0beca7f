import DMSCheckpoint
public import DMSEngine
import DMSModel
import DMSPolicy
import DMSTensor

/// What a report says of the model itself.
public struct ReportSubject: Sendable, Hashable {
    /// What the report calls the model.
    public let name: String
    /// In the order in which they are shown.
    public let facts: [Fact]

    /// A line of the summary.
    public struct Fact: Sendable, Hashable {
        /// What it is about.
        public let name: String
        /// What is so, as it is shown.
        public let value: String
    }

    /// - Parameter name: Usually that of the folder, wherever it lies.
    public init(_ loaded: LoadedModel, name: String) {
        let configuration = loaded.directory.configuration
        let parameters = loaded.directory.expectedTensors.reduce(0) { $0 + $1.shape.reduce(1, *) }
        var facts = [
            Fact(name: "parameters", value: Self.grouped(parameters)),
            Fact(
                name: "shape",
                value: "\(configuration.layerCount) layers, \(configuration.headCount) query heads on "
                    + "\(configuration.keyValueHeadCount) KV heads of \(configuration.headDimension)"),
        ]
        if let dms = loaded.dms {
            facts += [
                Fact(name: "profile", value: "\(dms.profile)"),
                Fact(name: "window", value: "\(dms.configuration.rule.window) tokens"),
                Fact(
                    name: "target ratio",
                    value: dms.targetRatio.map { "\(Self.plain($0)) (decisions)" } ?? "not stated"),
                Fact(name: "trained context", value: dms.contextLength.map { "\($0) tokens" } ?? "not stated"),
            ]
        } else {
            facts.append(Fact(name: "eviction", value: "none: a model without gates keeps everything"))
        }
        let kernels = loaded.model.kernels.name
        facts.append(Fact(name: "computed in", value: "\(loaded.model.precision.rawValue), \(kernels)"))
        self.name = name
        self.facts = facts
    }

    init(name: String, facts: [Fact]) {
        self.name = name
        self.facts = facts
    }

    private static func plain(_ value: Double) -> String {
        Int(exactly: value).map(String.init) ?? "\(value)"
    }

    /// With a blank after every three digits.
    static func grouped(_ count: Int) -> String {
        let digits = Array(String(count))
        return String(
            digits.enumerated().flatMap { index, digit in
                index > 0 && (digits.count - index) % 3 == 0 ? ["\u{202F}", digit] : [digit]
            })
    }
}
