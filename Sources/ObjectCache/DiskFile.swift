// Owns: the system calls of the disk tier: whole files in, whole files out. They block: only its helper threads come here.
import Glibc

/// Files of the cache's folder. Stateless; blocks.
enum DiskFile {
  /// What a record's file came to.
  enum Result {
    /// The parts, every byte compared with its checksum.
    case record(DiskRecord, text: [UInt8], ObjectBody?, content: [UInt8])
    case missing
    /// It is damaged.
    case wrong
    /// It is about another key with the same name.
    case otherKey
    /// It cannot be read now, or there is no memory for it.
    case unavailable
  }

  private final class Descriptor {
    let number: Int32
    init?(_ path: String, _ flags: Int32) {
      number = unsafe open(path, flags | O_CLOEXEC, 0o600)
      if number < 0 { return nil }
    }
    /// What could not be opened leaves the reason in `errno`.
    deinit { if number >= 0 { close(number) } }

    /// Fills the buffer; false at the end of the file and on errors.
    func read(_ count: Int, into buffer: inout [UInt8], at offset: Int) -> Bool {
      if buffer.count != count { buffer = [UInt8](repeating: 0, count: count) }
      var done = 0
      while done < count {
        let n = unsafe buffer.withUnsafeMutableBytes { unsafe pread(number, $0.baseAddress.map { unsafe $0 + done }, count - done, offset + done) }
        if n < 0 && errno == EINTR { continue }
        guard n > 0 else { return false }
        done += n
      }
      return true
    }
    func write(_ bytes: Span<UInt8>, at offset: Int) -> Bool {
      unsafe bytes.withUnsafeBufferPointer { bytes in
        var done = 0
        while done < bytes.count {
          let n = unsafe pwrite(number, bytes.baseAddress.map { unsafe $0 + done }, bytes.count - done, offset + done)
          if n < 0 && errno == EINTR { continue }
          guard n > 0 else { return false }
          done += n
        }
        return true
      }
    }
    var size: Int? {
      var status = stat()
      return unsafe fstat(number, &status) == 0 && status.st_mode & S_IFMT == S_IFREG ? Int(status.st_size) : nil
    }
  }

  // MARK: Records

  /// Writes a response whose body is whole. The fixed head comes last: until then the file is no record.
  static func write(_ record: DiskRecord, _ response: StoredResponse, to path: String) -> Bool {
    guard let file = Descriptor(path, O_WRONLY | O_CREAT | O_TRUNC) else { return false }
    var record = record
    var end = DiskRecord.headBytes
    var text: [UInt8] = []
    for part in [0, 1, 2] {
      let bytes = part == 0 ? response.key : part == 1 ? response.head : response.tags
      for index in 0..<bytes.count { text.append(bytes[index]) }
    }
    var writer = BlockWriter(file: file, end: end)
    record.textSum = DiskRecord.sum(of: text)
    guard file.write(text.span, at: end) else { return false }
    end += text.count
    writer.end = end
    guard writer.write(response) else { return false }
    record.contentSum = writer.sum
    return writer.end == record.allBytes && file.write(record.encoded.span, at: 0)
  }

  /// Content on its way into a file, a block at a time.
  private struct BlockWriter {
    let file: Descriptor
    var end: Int
    var sum: UInt64 = 0
    private var block: [UInt8] = []

    init(file: Descriptor, end: Int) {
      self.file = file
      self.end = end
      block.reserveCapacity(DiskRecord.blockBytes)
    }

    mutating func write(_ response: StoredResponse) -> Bool {
      guard let body = response.body else { return append(response.content) && flush() }
      let reader = BodyReader(body)
      while case .bytes = reader.atHand() {
        var isWritten = true
        reader.take { bytes in
          isWritten = append(bytes)
          return bytes.count
        }
        if !isWritten { return false }
      }
      return reader.atHand() == .end && flush()
    }

    private mutating func append(_ bytes: Span<UInt8>) -> Bool {
      var done = 0
      while done < bytes.count {
        let n = min(bytes.count - done, DiskRecord.blockBytes - block.count)
        unsafe bytes.extracting(done..<done + n).withUnsafeBufferPointer { unsafe block.append(contentsOf: $0) }
        done += n
        if block.count == DiskRecord.blockBytes && !flush() { return false }
      }
      return true
    }
    private mutating func flush() -> Bool {
      guard !block.isEmpty else { return true }
      sum = DiskRecord.sum(block.span, after: sum)
      guard file.write(block.span, at: end) else { return false }
      end += block.count
      block.removeAll(keepingCapacity: true)
      return true
    }
  }

  /// Reads the fixed head and what stands before the content.
  private static func readText(_ file: Descriptor) -> (DiskRecord, [UInt8])? {
    var head: [UInt8] = [], text: [UInt8] = []
    guard let size = file.size, file.read(DiskRecord.headBytes, into: &head, at: 0), let record = DiskRecord(head), record.allBytes == size,
      file.read(record.textCount, into: &text, at: DiskRecord.headBytes), DiskRecord.sum(of: text) == record.textSum
    else { return nil }
    return (record, text)
  }
  /// The same of a file; nil when it is not there or damaged.
  static func readText(_ path: String) -> (DiskRecord, [UInt8])? { Descriptor(path, O_RDONLY).flatMap { readText($0) } }

  /// Reads a record whole. Nothing of it is handed out before all of it has been compared.
  /// - Parameters:
  ///   - makeBody: a body for content of so many bytes; nil for content that stands beside its head.
  ///   - append: puts content into it; false when there is no memory.
  static func read(
    _ path: String, key: [UInt8], _ makeBody: (Int) -> ObjectBody?, _ append: (ObjectBody, Span<UInt8>) -> Bool
  ) -> Result {
    guard let file = Descriptor(path, O_RDONLY) else { return errno == ENOENT ? .missing : .unavailable }
    guard let (record, text) = readText(file) else { return .wrong }
    guard text.starts(with: key), record.keyCount == key.count else { return .otherKey }
    let body = makeBody(record.contentCount)
    var content: [UInt8] = [], block: [UInt8] = [], sum: UInt64 = 0, offset = DiskRecord.headBytes + record.textCount
    while offset < record.allBytes {
      let n = min(DiskRecord.blockBytes, record.allBytes - offset)
      guard file.read(n, into: &block, at: offset) else { return .wrong }
      sum = DiskRecord.sum(block.span, after: sum)
      offset += n
      guard let body else {
        content += block
        continue
      }
      guard append(body, block.span) else { return .unavailable }
    }
    guard sum == record.contentSum else { return .wrong }
    body?.end(.complete)
    return .record(record, text: text, body, content: content)
  }

  // MARK: Small files and folders

  /// A file of at most so many bytes.
  static func read(_ path: String, limit: Int) -> [UInt8]? {
    guard let file = Descriptor(path, O_RDONLY), let size = file.size, size <= limit else { return nil }
    var bytes: [UInt8] = []
    return file.read(size, into: &bytes, at: 0) ? bytes : nil
  }
  /// Writes a small file, whole or not at all.
  static func write(_ bytes: [UInt8], to path: String) -> Bool {
    let temporary = path + ".new"
    guard let file = Descriptor(temporary, O_WRONLY | O_CREAT | O_TRUNC), file.write(bytes.span, at: 0) else { return false }
    return unsafe rename(temporary, path) == 0
  }
  /// Writes a part of a file, which may have others.
  static func write(_ bytes: [UInt8], at offset: Int, of path: String) -> Bool {
    Descriptor(path, O_WRONLY | O_CREAT)?.write(bytes.span, at: offset) ?? false
  }
  /// Appends to a small file, in one call, and waits until it is on disk.
  static func append(_ bytes: [UInt8], to path: String) -> Bool {
    guard let file = Descriptor(path, O_WRONLY | O_CREAT | O_APPEND) else { return false }
    let n = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(file.number, $0.baseAddress, $0.count) }
    return n == bytes.count && fdatasync(file.number) == 0
  }
  static func size(_ path: String) -> Int? {
    var status = stat()
    return unsafe lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG ? Int(status.st_size) : nil
  }
  /// The names in a folder; none when there is no such folder.
  static func names(in folder: String) -> [String] {
    guard let stream = unsafe opendir(folder) else { return [] }
    defer { unsafe closedir(stream) }
    var names: [String] = []
    while let entry = unsafe readdir(stream) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) } }
      if name != "." && name != ".." { names.append(name) }
    }
    return names
  }
}
