// Owns: a response on its way to the viewer, whoever made it.
import Distribution
import HTTPWire
import ObjectCache
import Origins
import Telemetry
import Transport

/// A response: its head as it may still change, and where its body comes from. A body that comes from elsewhere is held by the
/// exchange: its connection to an origin, or its file.
struct Response: ~Copyable {
  var head: ResponseHead
  var source: Source
  /// The body, when it was made here.
  var bytes = ByteBuffer()
  /// Whether a function made it: then neither error pages nor the viewer-response function apply (spec/cloudfront-functions.md, 1 and 3).
  var isGenerated = false
  /// Whether its content is a function's of the tier: then no error page takes its place (spec/request-pipeline.md, 11.1).
  var isFunctionMade = false
  /// Whether an error page has taken the place of the origin's answer: then the viewer-response function does not run.
  var isErrorPage = false

  enum Source: Sendable {
    case generated, origin, tunnel, file
    /// The origin's, read whole already.
    case buffered
    /// The cache's: `CacheWork.stored` has it.
    case cached
    /// The cache's, head and all: `Exchange.hit` has it.
    case stored
    /// A redirect to a place that stands in a table of redirects: `Exchange.redirectRule` has it.
    case plainRedirect
  }

  /// A response made here, with a body of text.
  init(status: Int, contentType: StaticString, body text: consuming ByteBuffer) {
    head = ResponseHead(status: status)
    head.fields.append("Content-Type", contentType)
    head.setContentLength(text.count)
    bytes = text
    source = .generated
  }

  init(head: consuming ResponseHead, _ source: Source) {
    self.head = head
    self.source = source
  }

  /// A stored response that is sent as it is.
  init(_ stored: StoredResponse, length: Int) {
    head = ResponseHead()
    head.line.status = stored.status
    head.line.frame(length: length)
    source = .stored
  }

  /// A redirect to a place that stands in a table of redirects.
  init(plainRedirect status: Int) {
    head = ResponseHead()
    head.line.status = status
    head.line.frame(length: 0)
    source = .plainRedirect
    isGenerated = true
  }

  /// Replaces the body, and whatever the head said of the old one.
  mutating func replaceBody(_ bytes: consuming ByteBuffer) {
    head.setContentLength(bytes.count)
    self.bytes = bytes
    source = .generated
  }
}

extension ResponseHead {
  private static let framing = FieldNameSet(.contentLength, .transferEncoding)

  /// Frames the message by length.
  mutating func setContentLength(_ count: Int) {
    fields.drop(Self.framing)
    var digits = ByteBuffer()
    digits.acquireSmall()
    digits.append(decimal: count)
    fields.append("Content-Length", digits.readable)
    line.frame(length: count)
  }
}
