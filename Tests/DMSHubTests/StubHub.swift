import DMSJSON
import DMSTestSupport
import Foundation
import Synchronization

@testable import DMSHub

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A hub on the loopback interface that can behave badly in every way that a test names.
final class StubHub: Sendable {
    /// A request as it arrived.
    struct Request: Sendable {
        let path: String
        let headers: [String: String]
        /// How many requests for this path there were, this one included.
        let number: Int

        /// The first byte asked for.
        var offset: Int? {
            headers["range"].flatMap { Int($0.dropFirst("bytes=".count).prefix { $0 != "-" }) }
        }
    }

    /// What is sent; the connection is closed after it.
    struct Answer: Sendable {
        var status = 200
        var headers: [(String, String)] = []
        var body: [UInt8] = []
        /// What `Content-Length` says; `nil` for the truth.
        var statedLength: Int?
        /// Bytes of the body after which the connection is closed.
        var closesAfter: Int?
        /// Bytes of the body after which nothing more comes, while the connection stays.
        var stallsAfter: Int?
        /// Whether the client has what is to arrive before the connection is closed; asked for half a minute at most.
        var hasArrived: (@Sendable () -> Bool)?
    }

    typealias Handler = @Sendable (Request) -> Answer?

    let commit: String
    let files: [String: [UInt8]]
    private let handler: Handler
    private let listener: Int32
    let port: Int
    private let log = Mutex<[Request]>([])

    /// What it was asked, in order.
    var requests: [Request] { log.withLock { $0 } }
    var url: String { "http://127.0.0.1:\(port)" }

    /// - Parameters:
    ///   - files: What the repository has.
    ///   - handler: Answers in place of the hub; `nil` lets the hub answer as it should.
    init(
        _ files: [String: [UInt8]], commit: String = String(repeating: "a1", count: 20),
        handler: @escaping Handler = { _ in nil }
    ) throws {
        self.files = files
        self.commit = commit
        self.handler = handler
        #if canImport(Glibc)
        let opened = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #else
        let opened = socket(AF_INET, SOCK_STREAM, 0)
        #endif
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(opened, $0, length) == 0 && listen(opened, 64) == 0 && getsockname(opened, $0, &length) == 0
            }
        }
        guard bound else { throw POSIXError(.EADDRNOTAVAIL) }
        listener = opened
        port = Int(UInt16(bigEndian: address.sin_port))
        // Each connection in a thread of its own: some are to stall.
        Thread.detachNewThread { [self] in
            while true {
                let connection = accept(listener, nil, nil)
                guard connection >= 0 else {
                    // Here and nowhere else: a number that is closed under a waiting call may be another socket's by then.
                    close(listener)
                    return
                }
                Thread.detachNewThread { self.serve(connection) }
            }
        }
    }

    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
    }

    private func serve(_ connection: Int32) {
        defer { close(connection) }
        var text: [UInt8] = []
        var byte: UInt8 = 0
        while !text.suffix(4).elementsEqual("\r\n\r\n".utf8) {
            guard recv(connection, &byte, 1, 0) == 1 else { return }
            text.append(byte)
        }
        let lines = String(decoding: text, as: UTF8.self).components(separatedBy: "\r\n")
        let path = String(lines[0].split(separator: " ")[1])
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            headers[line[..<colon].lowercased()] = String(line[line.index(colon, offsetBy: 2)...])
        }
        let request = log.withLock { log in
            let request = Request(path: path, headers: headers, number: log.count { $0.path == path } + 1)
            log.append(request)
            return request
        }
        send(handler(request) ?? answer(request), to: connection)
    }

    private func send(_ answer: Answer, to connection: Int32) {
        var head = "HTTP/1.1 \(answer.status) Status\r\nConnection: close\r\n"
        for (name, value) in answer.headers { head += "\(name): \(value)\r\n" }
        head += "Content-Length: \(answer.statedLength ?? answer.body.count)\r\n\r\n"
        let body = answer.body.prefix(answer.closesAfter ?? answer.stallsAfter ?? answer.body.count)
        let bytes = Array(head.utf8) + body
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                #if canImport(Glibc)
                Glibc.send(connection, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
                #else
                Darwin.send(connection, $0.baseAddress! + sent, bytes.count - sent, 0)
                #endif
            }
            guard count > 0 else { return }
            sent += count
        }
        // A client may drop what it has not handed out yet when a connection ends.
        for _ in 0..<3000 where answer.hasArrived?() == false { usleep(10_000) }
        if answer.stallsAfter != nil {
            // Until the client has had enough.
            var byte: UInt8 = 0
            _ = recv(connection, &byte, 1, 0)
        }
    }

    /// What a good hub answers.
    func answer(_ request: Request) -> Answer {
        if request.path.hasPrefix("/api/models/") { return Answer(body: Array(listing().text().utf8)) }
        let name = String(request.path.prefix { $0 != "?" }.split(separator: "/").last ?? "")
        guard let bytes = files[name] else { return Answer(status: 404) }
        guard let offset = request.offset else { return Answer(body: bytes) }
        guard offset < bytes.count else { return Answer(status: 416) }
        return Answer(
            status: 206, headers: [("Content-Range", "bytes \(offset)-\(bytes.count - 1)/\(bytes.count)")],
            body: Array(bytes[offset...]))
    }

    /// The description of the repository: safetensors as large files, all others by git's names.
    func listing() -> JSONValue {
        let siblings: [JSONValue] = files.keys.sorted().map { name in
            let bytes = files[name] ?? []
            var object = JSONObject(["rfilename": .string(name), "size": .integer(Int64(bytes.count))])
            let digest = Self.digest(name, bytes)
            if case .sha256(let digits) = digest {
                object["lfs"] = .object(
                    JSONObject(["sha256": .string(digits), "size": .integer(Int64(bytes.count))]))
            } else {
                object["blobId"] = .string(digest.hexadecimal)
            }
            return .object(object)
        }
        return .object(JSONObject(["id": .string("owner/name"), "sha": .string(commit), "siblings": .array(siblings)]))
    }

    static func digest(_ name: String, _ bytes: [UInt8]) -> ContentDigest {
        let kind: ContentDigest = name.hasSuffix(".safetensors") ? .sha256("") : .gitBlob("")
        return bytes.withUnsafeBytes { kind.same(of: $0) }
    }
}
