/// What the command was told.
struct Options: Sendable {
    let model: String
    let folder: String
    /// `{text}` stands for the text.
    private(set) var template = "{text}\n\nSummary:"
    private(set) var stops: [String] = []
    private(set) var tokens = 128
    /// Bytes of cache, activations and logits together.
    private(set) var budget = 1 << 30

    /// What the answer to `a.txt` ends in: `a.summary.txt`.
    static let suffix = ".summary.txt"

    init(_ arguments: [String]) throws {
        var places: [String] = []
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            guard argument.hasPrefix("--") else {
                places.append(argument)
                continue
            }
            guard let value = rest.popFirst() else { throw Usage("\(argument): found nothing, required a value") }
            switch argument {
            case "--template":
                guard value.contains("{text}") else {
                    throw Usage("--template: found \"\(value)\", required one with {text}")
                }
                template = value
            case "--stop": stops.append(value)
            case "--max-tokens": tokens = try Self.number(argument, value)
            case "--budget-mib": budget = try Self.number(argument, value) << 20
            default: throw Usage("found \(argument), required --template, --stop, --max-tokens or --budget-mib")
            }
        }
        guard places.count == 2 else { throw Usage("usage: batch-summarise MODEL FOLDER [options]") }
        model = places[0]
        folder = places[1]
    }

    private static func number(_ option: String, _ value: String) throws -> Int {
        guard let number = Int(value), (1...1 << 20).contains(number) else {
            throw Usage("\(option): found \(value), required 1 to 1048576")
        }
        return number
    }
}

/// Why the arguments cannot be used.
struct Usage: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
