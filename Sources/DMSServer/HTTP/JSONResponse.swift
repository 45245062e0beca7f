import DMSJSON
import HTTPTypes
import Hummingbird
import HummingbirdCore
import NIOCore

extension Response {
    /// An answer of one JSON object.
    init(_ object: JSONObject, status: HTTPResponse.Status = .ok) {
        self.init(text: JSONValue.object(object).text(), contentType: "application/json; charset=utf-8", status: status)
    }

    init(text: String, contentType: String, status: HTTPResponse.Status = .ok) {
        self.init(
            status: status, headers: [.contentType: contentType],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }

    init(_ error: APIError) {
        self.init(error.json, status: HTTPResponse.Status(code: error.status))
        if let seconds = error.retryAfterSeconds { headers[.retryAfter] = "\(seconds)" }
        if error.status == 401 { headers[.wwwAuthenticate] = "Bearer" }
    }
}
