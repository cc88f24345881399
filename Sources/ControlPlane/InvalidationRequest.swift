// Owns: what POST /invalidations asks for (Documentation/cache-storage.md): JSON in, invalidations or one sentence out. Pure.
// Source: spec/request-pipeline.md, 20.
import JSONText
import ObjectCache

/// A request to serve certain objects no more.
struct InvalidationRequest: Equatable {
  /// The longest content of a request.
  static let contentBytes = 1 << 20
  /// The longest path (spec, 20), and the longest tag.
  static let pathBytes = 4_000, tagBytes = 256

  /// What is invalidated.
  let invalidations: [Invalidation]

  /// Why a request is none.
  struct Problem: Error, Equatable {
    let text: String
  }

  /// Reads `{"paths": ["/a", "/b/*"], "tags": ["red"], "distribution": "shop"}`; each may be missing, not all of the first two.
  /// - Parameter distributions: the ids there are.
  init(_ content: [UInt8], distributions: [String]) throws(Problem) {
    guard let value = try? JSONValue(parsing: content), let object = value.object else { throw Problem(text: "the content is no JSON object") }
    if let member = object.members.first(where: { !["paths", "tags", "distribution"].contains($0.name) }) {
      throw Problem(text: "there are paths, tags and distribution here, not \(member.name)")
    }
    var distribution: String?
    if let named = value["distribution"] {
      guard let id = named.string, distributions.contains(id) else { throw Problem(text: "there is no such distribution") }
      distribution = id
    }
    let paths = try Self.texts(value["paths"], "paths"), tags = try Self.texts(value["tags"], "tags")
    for path in paths where !path.hasPrefix("/") || path.utf8.count > Self.pathBytes {
      throw Problem(text: "a path begins with / and has at most \(Self.pathBytes) bytes")
    }
    for tag in tags where tag.isEmpty || tag.utf8.count > Self.tagBytes || tag.utf8.contains(where: { $0 <= 32 }) {
      throw Problem(text: "a tag is a word of at most \(Self.tagBytes) bytes")
    }
    guard !paths.isEmpty || !tags.isEmpty else { throw Problem(text: "there are no paths and no tags") }
    invalidations = paths.map { Invalidation(distribution: distribution, .path($0)) } + tags.map { Invalidation(distribution: distribution, .tag($0)) }
  }

  private static func texts(_ value: JSONValue?, _ name: String) throws(Problem) -> [String] {
    guard let value else { return [] }
    guard let array = value.array else { throw Problem(text: "\(name) is a list of strings") }
    let texts = array.compactMap(\.string)
    guard texts.count == array.count else { throw Problem(text: "\(name) is a list of strings") }
    return texts
  }
}
