// Owns: a folder on disk as an origin: GET and HEAD of the regular files below it, with validators, conditions and single ranges (RFC 9110).
// No listing, no index file, no hidden file, nothing outside of the folder whatever links say. Work that may block runs on a BlockingPool;
// the decisions are FolderPath's and Conditions' (HTTPWire).
internal import CSystem
internal import Glibc
public import HTTPWire
public import Telemetry
public import Transport

/// Why a folder cannot be an origin.
public enum FolderFailure: Error, Equatable, Sendable, CustomStringConvertible {
  /// It cannot be opened; `code` is errno.
  case cannotOpen(path: String, code: Int32)
  /// The kernel does not have openat2 (Linux before 5.6), or something refuses it: systemd's RestrictSUIDSGID does.
  case noOpenat2(path: String)

  /// One sentence.
  public var description: String {
    switch self {
    case .cannotOpen(let path, let code): unsafe "the folder \(path) cannot be opened: \(String(cString: strerror(code)))"
    case .noOpenat2(let path):
      "the folder \(path) cannot be an origin: nothing keeps requests inside of it without openat2, which this kernel does not have (Linux before 5.6) or a filter refuses (systemd's RestrictSUIDSGID)"
    }
  }
}

/// A request for a file.
public struct FileRequest: Sendable {
  enum Method: Sendable { case get, head, other }

  var method: Method
  /// The file's name below the folder; nil when the path names none.
  var file: String?
  var conditions = Conditions()

  /// A request without conditions.
  /// - Parameters:
  ///   - method: as in the request line.
  ///   - path: percent-encoded, beginning with `/`, without query.
  public init(method: Span<UInt8>, path: Span<UInt8>) {
    switch String(copying: method) {
    case "GET": self.method = .get
    case "HEAD": self.method = .head
    default: self.method = .other
    }
    file = FolderPath.file(path)
  }

  /// The request that a head makes.
  /// - Parameters:
  ///   - originPath: put before the path, as the origin's configuration says; empty or `/…` without a slash at the end.
  ///   - conditions: of the request; none where they are answered elsewhere.
  public init(_ head: borrowing RequestHead, originPath: String = "", _ conditions: Conditions) {
    self.init(method: head.methodBytes, path: head.path, originPath: originPath, conditions)
  }

  /// The same for a request whose path is not its head's.
  public init(method: Span<UInt8>, path: Span<UInt8>, originPath: String, _ conditions: Conditions) {
    if originPath.isEmpty {
      self.init(method: method, path: path)
    } else {
      var whole = Array(originPath.utf8)
      for index in 0..<path.count { whole.append(path[index]) }
      self.init(method: method, path: whole.span)
    }
    self.conditions = conditions
  }
}

/// What a folder answers.
public struct FileResponse: ~Copyable {
  /// 200, 206, 304, 403, 404, 405, 412, 416, 500 or 503.
  public let status: Int
  /// The header fields, without Content-Length.
  public let fields: [(name: String, value: String)]
  /// Content-Length: of the body, or for HEAD of the body that GET would have; nil where there is none (304).
  public let contentLength: Int?
  /// The content; nil when there is none to send (HEAD, 304, errors).
  public var body: FileBody?
  /// What is counted.
  public let counter: Counter

  init(_ status: Int, _ counter: Counter, fields: [(name: String, value: String)] = [], contentLength: Int? = 0, body: consuming FileBody? = nil) {
    self.status = status
    self.counter = counter
    self.fields = fields
    self.contentLength = contentLength
    self.body = body
  }

  /// The response's head, as if it had come from a server.
  public var head: ResponseHead {
    var head = ResponseHead(status: status)
    for (name, value) in fields { head.fields.append(name, value) }
    if let contentLength {
      head.fields.append("Content-Length", String(contentLength))
      head.line.frame(length: contentLength)
    }
    return head
  }
}

/// A folder as an origin. Any thread; shared by the workers.
public final class FolderOrigin: Sendable {
  private let folder: OpenFile
  private let pool: BlockingPool

  /// Opens the folder. It stays the same one if its path is given to another later.
  /// - Parameters:
  ///   - path: of a directory.
  public init(path: String, pool: BlockingPool) throws(FolderFailure) {
    let descriptor = unsafe skerry_open_folder(path)
    guard descriptor >= 0 else { throw .cannotOpen(path: path, code: errno) }
    folder = OpenFile(descriptor)
    self.pool = pool
    let probe = unsafe skerry_open_beneath(descriptor, ".")
    if probe >= 0 { close(probe) } else if errno == ENOSYS { throw .noOpenat2(path: path) }
  }

  /// Answers a request. Never blocks the caller's thread; failures are answers too.
  public nonisolated(nonsending) func open(_ request: FileRequest) async -> FileResponse {
    if request.method == .other { return FileResponse(405, .fileFailed, fields: [("Allow", "GET, HEAD")]) }
    guard let name = request.file else { return FileResponse(404, .fileNotFound) }
    let opened: Result<Opened, OpenFailure>
    do {
      opened = try await pool.run { [folder] in FolderOrigin.open(name, below: folder) }
    } catch {
      return FileResponse(503, .limitFileQueue)
    }
    switch opened {
    case .success(let opened): return answer(request, name, opened)
    case .failure(.notFound): return FileResponse(404, .fileNotFound)
    case .failure(.forbidden): return FileResponse(403, .fileFailed)
    case .failure(.outOfDescriptors): return FileResponse(503, .limitDescriptors)
    case .failure(.broken): return FileResponse(500, .fileFailed)
    }
  }

  private func answer(_ request: FileRequest, _ name: String, _ opened: Opened) -> FileResponse {
    let version = opened.version
    let validators = [("ETag", version.etag), ("Last-Modified", version.lastModified)]
    let content = [("Content-Type", FolderPath.mediaType(name)), ("Accept-Ranges", "bytes")] + validators
    let isHead = request.method == .head
    switch request.conditions.select(version.validators, size: version.size, isHead: isHead, partsLimit: 1) {
    case .notModified: return FileResponse(304, .fileNotModified, fields: validators, contentLength: nil)
    case .preconditionFailed: return FileResponse(412, .fileFailed, fields: validators)
    case .rangeNotSatisfiable:
      return FileResponse(416, .fileRangeNotSatisfiable, fields: [("Content-Range", "bytes */\(version.size)")] + validators)
    case .whole:
      let body = isHead || version.size == 0 ? nil : FileBody(opened.file, 0..<version.size, pool)
      return FileResponse(200, .fileServed, fields: content, contentLength: version.size, body: body)
    case .parts(let parts):
      let range = parts[0]
      let field = [("Content-Range", "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(version.size)")]
      return FileResponse(206, .filePartial, fields: content + field, contentLength: range.count, body: FileBody(opened.file, range, pool))
    }
  }

  private struct Opened: Sendable {
    let file: OpenFile
    let version: FileVersion
  }

  private enum OpenFailure: Error { case notFound, forbidden, outOfDescriptors, broken }

  /// On a thread of the pool.
  private static func open(_ name: String, below folder: OpenFile) -> Result<Opened, OpenFailure> {
    let descriptor = unsafe skerry_open_beneath(folder.descriptor, name)
    guard descriptor >= 0 else {
      switch errno {
      // EXDEV: a link out of the folder. ENXIO: a socket or a FIFO's other end.
      case ENOENT, ENOTDIR, ELOOP, EXDEV, ENAMETOOLONG, ENXIO, ENODEV, EINVAL: return .failure(.notFound)
      case EACCES, EPERM: return .failure(.forbidden)
      case EMFILE, ENFILE: return .failure(.outOfDescriptors)
      default: return .failure(.broken)
      }
    }
    let file = OpenFile(descriptor)
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { return .failure(.broken) }
    guard status.st_mode & S_IFMT == S_IFREG else { return .failure(.notFound) }
    let version = FileVersion(size: status.st_size, modifiedSeconds: status.st_mtim.tv_sec, modifiedNanoseconds: status.st_mtim.tv_nsec)
    return .success(Opened(file: file, version: version))
  }
}

/// What distinguishes one state of a file from another.
struct FileVersion: Sendable, Equatable {
  var size: Int
  /// Of the last change of the content.
  var modifiedSeconds: Int
  var modifiedNanoseconds: Int

  /// A strong validator: size and time of change, in hexadecimal.
  var etag: String { "\"\(String(size, radix: 16))-\(String(modifiedSeconds, radix: 16)).\(String(modifiedNanoseconds, radix: 16))\"" }
  var lastModified: String { HTTPDate.text(modifiedSeconds) }
  var validators: Validators { Validators(etag: etag, modifiedSeconds: modifiedSeconds) }
}

/// A descriptor that is closed with its last reference.
final class OpenFile: Sendable {
  let descriptor: Int32
  init(_ descriptor: Int32) { self.descriptor = descriptor }
  deinit { close(descriptor) }
}

/// The content of a file, or a part of it, on its way. Owned by one task.
public struct FileBody: ~Copyable {
  /// Bytes of one read at most.
  public static let readLimitBytes = 65_536

  private let file: OpenFile
  private let pool: BlockingPool
  private var rest: Range<Int>
  /// Whether reading failed or the file turned out to be shorter than announced: what was sent must not be taken for whole.
  public private(set) var isBroken = false

  init(_ file: OpenFile, _ range: Range<Int>, _ pool: BlockingPool) {
    self.file = file
    self.pool = pool
    rest = range
  }

  /// Bytes not yet read.
  public var remaining: Int { rest.count }

  /// Appends the next bytes, at most `readLimitBytes`. Suspends; never blocks the caller's thread.
  /// - Returns: how many; 0 at the end or when the file broke (``isBroken``).
  public nonisolated(nonsending) mutating func read(into buffer: inout ByteBuffer) async -> Int {
    guard !rest.isEmpty, !isBroken else { return 0 }
    let wanted = min(rest.count, FileBody.readLimitBytes), offset = rest.lowerBound
    let bytes: [UInt8]
    do {
      bytes = try await pool.run { [file] in FileBody.read(file, offset, wanted) }
    } catch {
      // The pool is overrun or stopped in the middle of a file.
      isBroken = true
      return 0
    }
    guard !bytes.isEmpty else {
      isBroken = true
      return 0
    }
    buffer.append(bytes.span)
    rest = (offset + bytes.count)..<rest.upperBound
    return bytes.count
  }

  /// On a thread of the pool. Empty at the end of the file and on errors.
  private static func read(_ file: OpenFile, _ offset: Int, _ count: Int) -> [UInt8] {
    unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      var result = -1
      repeat { result = unsafe pread(file.descriptor, buffer.baseAddress, count, offset) } while result < 0 && errno == EINTR
      filled = max(result, 0)
    }
  }
}

extension String {
  /// A copy of bytes from outside; what is no UTF-8 becomes U+FFFD.
  init(copying bytes: Span<UInt8>) {
    self = unsafe bytes.withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
  }
}
