public import ArgumentParser
public import DMSPolicy

extension DecisionSource: ExpressibleByArgument {
    public init?(argument: String) { try? self.init(named: argument) }

    public var defaultValueDescription: String { name }
    public static var allValueStrings: [String] { all.map(\.name) }
}
