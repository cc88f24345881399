// Owns: what the access log is asked to say, of which requests, and what of it stays hidden. The records themselves are Pipeline's; their
// members are described in Documentation/observability.md. Pure values; any thread.

/// Where access records go, and what they say.
public struct AccessLog: Sendable, Equatable {
  /// The form of a record.
  public enum Format: String, Sendable, CaseIterable {
    /// One JSON object per line.
    case json
    /// CloudFront's fields, separated by tabs (spec/request-pipeline.md, 21.1).
    case w3c
    /// No records.
    case off
  }

  /// A set of fields of JSON records: one bit each.
  public struct Fields: BitwiseCopyable, Sendable, Equatable {
    @usableFromInline var bits: UInt64
    /// Every field.
    public static let all = Fields(Field.allCases)
    /// What a record says when nobody chooses: not what is long, secret or of interest to few.
    public static let standard = Fields(Field.allCases.filter { !Field.onlyWhenAsked.contains($0) })
    /// No field: nothing is logged.
    public static let none = Fields([])

    /// The fields of a list.
    public init(_ fields: [Field]) { bits = fields.reduce(0) { $0 | Fields.bit($1) } }

    /// Whether a field is among them.
    @inlinable @inline(__always) public func contains(_ field: Field) -> Bool { bits & Fields.bit(field) != 0 }
    /// Adds a field.
    public mutating func insert(_ field: Field) { bits |= Fields.bit(field) }
    /// Whether there is none.
    @inlinable @inline(__always) public var isEmpty: Bool { bits == 0 }

    @inlinable @inline(__always) static func bit(_ field: Field) -> UInt64 { 1 << UInt64(field.rawValue) }
  }

  /// Where records go. Default standard output.
  public var destination: LogDestination
  /// The form of a record. Default JSON.
  public var format: Format
  /// What a JSON record says of a request, where it applies.
  public var fields: Fields
  /// The columns of a W3C record, in their order. Default CloudFront's 33.
  public var w3cFields: [W3CField]
  /// Whether CloudFront's columns hold the cookies (`includeCookies`, as CloudFront calls it). A list of fields that names them asks for them by itself.
  public var includesCookies: Bool
  /// Of so many requests in a million there is a record; of every one that failed there is. Default all.
  public var samplePerMillion: Int
  /// What is not shown.
  public var mask: LogMask

  /// An access log.
  public init(
    destination: LogDestination = .standardOutput, format: Format = .json, fields: Fields = .standard, w3cFields: [W3CField] = W3CField.standard,
    includesCookies: Bool = false, samplePerMillion: Int = 1_000_000, mask: LogMask = LogMask()
  ) {
    self.destination = destination
    self.format = format
    self.fields = fields
    self.w3cFields = w3cFields
    self.includesCookies = includesCookies
    self.samplePerMillion = samplePerMillion
    self.mask = mask
  }

  /// What stands before the records of a file: the lines `#Version` and `#Fields` of the W3C form, nothing in others.
  public var preamble: String {
    format == .w3c ? "#Version: 1.0\n#Fields: \(w3cFields.map(\.name).joined(separator: " "))\n" : ""
  }
}
