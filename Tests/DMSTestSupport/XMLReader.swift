public import Foundation

#if canImport(FoundationXML)
public import FoundationXML
#endif

/// What the system's own parser finds in a document.
public final class XMLReader: NSObject, XMLParserDelegate {
    public struct Element {
        public let name: String
        public let attributes: [String: String]
        /// Names of the elements around it, the outermost first.
        public let parents: [String]
    }

    public private(set) var elements: [Element] = []
    public private(set) var text = ""
    private var open: [String] = []

    /// `nil` for what is not well-formed.
    public static func read(_ document: String) -> XMLReader? {
        let parser = XMLParser(data: Data(document.utf8))
        let reader = XMLReader()
        parser.delegate = reader
        return parser.parse() ? reader : nil
    }

    public func elements(_ name: String) -> [Element] { elements.filter { $0.name == name } }

    public func parser(
        _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
        attributes: [String: String] = [:]
    ) {
        elements.append(Element(name: name, attributes: attributes, parents: open))
        open.append(name)
    }

    public func parser(
        _ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?
    ) {
        open.removeLast()
    }

    public func parser(_ parser: XMLParser, foundCharacters string: String) { text += string }
}
