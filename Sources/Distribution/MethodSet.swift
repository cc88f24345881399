// The methods a behavior answers, as a set that costs one byte.
// Source: spec/request-pipeline.md 8; RFC 9110 section 9 (method names are case-sensitive).

/// A set of the seven methods CloudFront knows.
public struct MethodSet: OptionSet, Sendable, Hashable {
  /// One bit per method.
  public let rawValue: UInt8
  /// The set with these bits.
  @inlinable public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// GET.
  public static let get = MethodSet(rawValue: 1)
  /// HEAD.
  public static let head = MethodSet(rawValue: 2)
  /// OPTIONS.
  public static let options = MethodSet(rawValue: 4)
  /// PUT.
  public static let put = MethodSet(rawValue: 8)
  /// POST.
  public static let post = MethodSet(rawValue: 16)
  /// PATCH.
  public static let patch = MethodSet(rawValue: 32)
  /// DELETE.
  public static let delete = MethodSet(rawValue: 64)

  /// GET and HEAD: the default of a behavior.
  public static let getHead: MethodSet = [.get, .head]
  /// GET, HEAD and OPTIONS.
  public static let getHeadOptions: MethodSet = [.get, .head, .options]
  /// All seven.
  public static let all = MethodSet(rawValue: 127)

  /// Every single method with its name, in CloudFront's order.
  public static let named: [(name: String, method: MethodSet)] = [
    ("GET", .get), ("HEAD", .head), ("OPTIONS", .options), ("PUT", .put), ("POST", .post), ("PATCH", .patch),
    ("DELETE", .delete),
  ]

  /// The set of one method; nil for a method CloudFront does not know, which every behavior refuses.
  public init?(name: Span<UInt8>) {
    switch name.count {
    case 3 where name.equals("GET"): self = .get
    case 3 where name.equals("PUT"): self = .put
    case 4 where name.equals("HEAD"): self = .head
    case 4 where name.equals("POST"): self = .post
    case 5 where name.equals("PATCH"): self = .patch
    case 6 where name.equals("DELETE"): self = .delete
    case 7 where name.equals("OPTIONS"): self = .options
    default: return nil
    }
  }

  /// The names of the methods in the set, in CloudFront's order.
  public var names: [String] { MethodSet.named.filter { contains($0.method) }.map(\.name) }
}
