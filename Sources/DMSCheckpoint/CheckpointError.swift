package import DMSJSON

/// Why a file of a model directory cannot be used, or written.
///
/// It always names the file, and where there is one the tensor or key, what was found and what is required.
public struct CheckpointError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The part of a file that is wrong.
    public enum Subject: Equatable, Sendable, CustomStringConvertible {
        /// A tensor, by its name.
        case tensor(String)
        /// A key of a JSON object.
        case key(String)

        public var description: String {
            switch self {
            case .tensor(let name): "tensor \(Self.quoted(name))"
            case .key(let name): "key \(Self.quoted(name))"
            }
        }

        /// Names come from files: control characters are escaped and the length is bounded.
        static func quoted(_ name: String) -> String {
            JSONValue.string(CheckpointError.clipped(name, to: 200)).text()
        }
    }

    /// The path of the file, as it was given.
    public let file: String
    /// The tensor or key; `nil` when the file as a whole is wrong.
    public let subject: Subject?
    /// What is there.
    public let found: String
    /// What should be there.
    public let required: String

    /// An error that names file and subject, what was found and what is required.
    public init(file: String, _ subject: Subject? = nil, found: String, required: String) {
        self.file = file
        self.subject = subject
        self.found = found
        self.required = required
    }

    public var description: String {
        let place = subject.map { "\(file): \($0)" } ?? file
        return "\(place): found \(found); required: \(required)"
    }

    /// A text from outside, cut to so many scalars, with what JSON would leave as it is and terminals obey replaced.
    package static func clipped(_ text: String, to count: Int) -> String {
        var clipped = String.UnicodeScalarView()
        for scalar in text.unicodeScalars.prefix(count) {
            clipped.append((0x7F...0x9F).contains(scalar.value) ? "\u{FFFD}" : scalar)
        }
        return String(clipped) + (text.unicodeScalars.count > count ? "…" : "")
    }

    /// A value from a file as an error message shows it: its JSON text, cut to a readable length.
    package static func shown(_ value: JSONValue) -> String {
        switch value {
        // Lists and objects may be large; building their text only to cut it would be a waste.
        case .array(let elements) where elements.count > 16: "a list of \(elements.count) elements"
        case .object(let object) where object.count > 16: "an object of \(object.count) keys"
        case .number(let number) where !number.isFinite: "\(number)"
        default: clipped(value.text(), to: 120)
        }
    }
}
