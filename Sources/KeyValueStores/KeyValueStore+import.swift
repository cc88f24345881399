// Owns: reading a store from AWS's import form, `{"data":[{"key":"…","value":"…"},…]}`, with the place of every problem
// (spec/cloudfront-functions.md sections 7 and 10.1). Runs at start and at each reload, off the request path. Pure; any thread.
import JSONText

extension KeyValueStore {
  /// How much one store may hold. What CloudFront allows is fixed; beyond it the others hold, in extended mode only.
  public struct Limits: Sendable, Equatable {
    /// The longest file in bytes. Beyond it: an error, the file is not read. Default 512 MiB.
    public var fileBytes = 512 << 20
    /// The longest key in bytes. Beyond it: an error. Default 8 KiB.
    public var keyBytes = 8 << 10
    /// The longest value in bytes. Beyond it: an error. Default 1 MiB: a run has 2 MiB.
    public var valueBytes = 1 << 20

    /// The defaults.
    public init() {}

    /// CloudFront's limits: 5 MB of import file, 512 characters of key, 1 KB of value.
    public static let cloudFrontFileBytes = 5 << 20, cloudFrontKeyCharacters = 512, cloudFrontValueBytes = 1024
    /// The most problems told of one file; reading stops there.
    public static let maximumProblems = 100
  }

  /// Something wrong with a store's data.
  public struct Problem: Sendable, Equatable {
    /// Line from 1, and column in Unicode scalars from 1.
    public var line: Int, column: Int
    /// Whether the store cannot be used; otherwise CloudFront would refuse it, but Skerry does not.
    public var isError: Bool
    /// One sentence without a full stop.
    public var text: String
  }

  /// Reads a store.
  /// - Parameters:
  ///   - text: the JSON; byte strings are the UTF-8 of their text, and other values than strings are refused.
  ///   - isStrict: whether what CloudFront would refuse is an error (`compatibility: cloudfront`) or a warning.
  /// - Returns: the store, nil when any problem is an error; the problems by place.
  public static func reading(
    _ text: Span<UInt8>, labels: Labels, limits: Limits = Limits(), isStrict: Bool
  ) -> (store: KeyValueStore?, problems: [Problem]) {
    var importer = Importer(labels, limits, isStrict, bytes: text.count)
    do throws(JSONFailure) {
      try importer.readFile(text)
    } catch {
      importer.report(error.offset, error.text)
    }
    let problems = importer.places(in: text)
    return (importer.finish(), problems)
  }
}

/// One reading of a file.
private struct Importer: ~Copyable {
  private typealias Limits = KeyValueStore.Limits

  /// What CloudFront would refuse, told once per file: where it was met first, and how often.
  private struct Excess {
    var first = 0, count = 0
    mutating func add(_ offset: Int) {
      if count == 0 { first = offset }
      count += 1
    }
  }

  private var builder: KeyValueStore.Builder
  private let limits: KeyValueStore.Limits
  private let isStrict: Bool
  private var problems: [(offset: Int, isError: Bool, text: String)] = []
  private var longKeys = Excess(), longValues = Excess()
  /// The entry being read; nil: the member has not come yet.
  private var key: [UInt8] = [], value: [UInt8] = []
  private var keyOffset: Int?, valueOffset: Int?

  init(_ labels: KeyValueStore.Labels, _ limits: KeyValueStore.Limits, _ isStrict: Bool, bytes: Int) {
    builder = KeyValueStore.Builder(labels)
    self.limits = limits
    self.isStrict = isStrict
    // An entry has some 20 bytes around its key and value, at least.
    builder.reserve(keys: 0, bytes: bytes / 2)
    if bytes > Limits.cloudFrontFileBytes {
      reportCloudFront(0, "CloudFront imports at most \(Limits.cloudFrontFileBytes >> 20) MB; this file has \(bytes) bytes")
    }
  }

  consuming func finish() -> KeyValueStore? {
    problems.contains { $0.isError } ? nil : builder.finish()
  }

  // MARK: Problems

  mutating func report(_ offset: Int, _ text: String) { problems.append((offset, true, text)) }

  private mutating func reportCloudFront(_ offset: Int, _ text: String) { problems.append((offset, isStrict, text)) }

  private var isFull: Bool { problems.count >= Limits.maximumProblems }

  /// The problems by place.
  mutating func places(in text: Span<UInt8>) -> [KeyValueStore.Problem] {
    func others(_ excess: Excess) -> String { excess.count > 1 ? "; so are \(excess.count - 1) more" : "" }
    if longKeys.count > 0 {
      reportCloudFront(longKeys.first, "this key is longer than CloudFront's \(Limits.cloudFrontKeyCharacters) characters\(others(longKeys))")
    }
    if longValues.count > 0 {
      reportCloudFront(longValues.first, "this value is longer than CloudFront's \(Limits.cloudFrontValueBytes) bytes\(others(longValues))")
    }
    var place = TextPosition()
    var result: [KeyValueStore.Problem] = []
    for problem in problems.sorted(by: { $0.offset < $1.offset }) {
      place.move(to: problem.offset, in: text)
      result.append(KeyValueStore.Problem(line: place.line, column: place.column, isError: problem.isError, text: problem.text))
    }
    return result
  }

  // MARK: The form

  mutating func readFile(_ text: Span<UInt8>) throws(JSONFailure) {
    var reader = try JSONReader(text, maximumDepth: 16)
    guard try reader.next() == .objectStart else { return report(reader.tokenOffset, "expected {\"data\": […]} here") }
    var hasData = false
    while try reader.next() == .name {
      let offset = reader.tokenOffset
      guard reader.string == "data" else {
        report(offset, "the file has one member, \"data\", not \(reader.string.quoted)")
        try reader.skipValue()
        continue
      }
      if hasData { report(offset, "\"data\" is given twice") }
      hasData = true
      guard try reader.next() == .arrayStart else { return report(reader.tokenOffset, "\"data\" must be an array of entries") }
      try readEntries(&reader)
      if isFull { return }
    }
    if !hasData { report(0, "the file has no member \"data\"") }
    _ = try reader.next()
  }

  private mutating func readEntries(_ reader: inout JSONReader) throws(JSONFailure) {
    while true {
      let token = try reader.next()
      if token == .arrayEnd { return }
      if token == .objectStart {
        try readEntry(&reader)
      } else {
        report(reader.tokenOffset, "expected an entry, {\"key\": \"…\", \"value\": \"…\"}, here")
        try readOut(&reader, to: 2)
      }
      if isFull { return report(reader.tokenOffset, "this file has too many problems; the rest was not read") }
    }
  }

  private mutating func readEntry(_ reader: inout JSONReader) throws(JSONFailure) {
    let start = reader.tokenOffset, before = problems.count
    keyOffset = nil
    valueOffset = nil
    while try reader.next() == .name {
      let offset = reader.tokenOffset
      let isKey = reader.bytes.elementsEqual("key"), isValue = reader.bytes.elementsEqual("value")
      guard isKey || isValue else {
        report(offset, "an entry has the members \"key\" and \"value\", not \(reader.string.quoted)")
        try reader.skipValue()
        continue
      }
      if (isKey ? keyOffset : valueOffset) != nil { report(offset, "\"\(isKey ? "key" : "value")\" is given twice in one entry") }
      guard try reader.next() == .string else {
        report(reader.tokenOffset, "\"\(isKey ? "key" : "value")\" must be a string\(isKey ? "" : "; other values are written as JSON in a string")")
        return try readOut(&reader, to: 2)
      }
      if isKey {
        keyOffset = reader.tokenOffset
        key.replace(with: reader.bytes)
      } else {
        valueOffset = reader.tokenOffset
        value.replace(with: reader.bytes)
      }
    }
    guard let keyOffset else { return report(start, "the entry has no \"key\"") }
    guard let valueOffset else { return report(start, "the entry has no \"value\"") }
    // An entry with a problem is not added, but it was read whole.
    if problems.count == before { add(keyOffset, valueOffset) }
  }

  /// Reads on until no more than `depth` values are open: 2 between entries.
  private func readOut(_ reader: inout JSONReader, to depth: Int) throws(JSONFailure) {
    while reader.depth > depth { _ = try reader.next() }
  }

  private mutating func add(_ keyOffset: Int, _ valueOffset: Int) {
    if key.isEmpty { return report(keyOffset, "a key cannot be empty") }
    if key.count > limits.keyBytes { return report(keyOffset, "this key is longer than \(limits.keyBytes) bytes") }
    if value.count > limits.valueBytes { return report(valueOffset, "this value is longer than \(limits.valueBytes) bytes") }
    if key.count > Limits.cloudFrontKeyCharacters && key.count(where: { $0 & 0xC0 != 0x80 }) > Limits.cloudFrontKeyCharacters {
      longKeys.add(keyOffset)
    }
    if value.count > Limits.cloudFrontValueBytes { longValues.add(valueOffset) }
    let key = key, value = value
    switch builder.add(key.span, value.span) {
    case .added: break
    case .duplicate: report(keyOffset, "the key \(String(decoding: key, as: UTF8.self).quoted) is given twice")
    case .full: report(keyOffset, "the store is full")
    }
  }
}

extension [UInt8] {
  /// Takes the bytes of a span in place of its own, without giving its memory back.
  fileprivate mutating func replace(with bytes: Span<UInt8>) {
    removeAll(keepingCapacity: true)
    unsafe bytes.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
  }
}

extension Span<UInt8> {
  fileprivate func elementsEqual(_ text: StaticString) -> Bool {
    guard count == text.utf8CodeUnitCount else { return false }
    for index in indices where unsafe text.utf8Start[index] != self[index] { return false }
    return true
  }
}

extension String {
  /// At most 60 characters of it, in quotes.
  fileprivate var quoted: String { count > 60 ? "\"\(prefix(57))…\"" : "\"\(self)\"" }
}
