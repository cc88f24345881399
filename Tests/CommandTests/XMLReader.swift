// Just enough XML to prove that a report is well-formed and to look into it: elements, attributes, text, the five entities.
import Foundation

struct XMLReader {
  struct Malformed: Error { var text: String }

  /// Element names in the order of their first appearance, attributes of the last element of each name, all text.
  private(set) var names: [String] = []
  private(set) var attributes: [String: [String: String]] = [:]
  private(set) var text = ""

  static func read(_ document: String) throws -> XMLReader {
    var reader = XMLReader()
    var rest = document[...]
    let declaration = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
    guard rest.hasPrefix(declaration) else { throw Malformed(text: "no declaration") }
    rest = rest.dropFirst(declaration.count)
    var open: [String] = []
    while let start = rest.firstIndex(of: "<") {
      reader.text += try plain(rest[..<start])
      guard let end = rest[start...].firstIndex(of: ">") else { throw Malformed(text: "an open tag") }
      var tag = rest[rest.index(after: start)..<end]
      rest = rest[rest.index(after: end)...]
      if tag.hasPrefix("/") {
        guard open.popLast() == String(tag.dropFirst()) else { throw Malformed(text: "</\(tag)> closes nothing") }
        continue
      }
      let isEmpty = tag.hasSuffix("/")
      if isEmpty { tag = tag.dropLast() }
      let name = String(tag.prefix { $0 != " " })
      if !reader.names.contains(name) { reader.names.append(name) }
      reader.attributes[name] = try attributes(of: tag.dropFirst(name.count))
      if !isEmpty { open.append(name) }
    }
    guard open.isEmpty, rest.allSatisfy(\.isWhitespace) else { throw Malformed(text: "\(open) left open") }
    return reader
  }

  private static func attributes(of tag: Substring) throws -> [String: String] {
    var found: [String: String] = [:]
    var rest = tag
    while !rest.allSatisfy(\.isWhitespace) {
      rest = rest.drop(while: \.isWhitespace)
      guard let quote = rest.range(of: "=\""), let end = rest[quote.upperBound...].firstIndex(of: "\"") else { throw Malformed(text: "attributes \(tag)") }
      let name = String(rest[..<quote.lowerBound])
      guard found[name] == nil else { throw Malformed(text: "\(name) twice") }
      found[name] = try plain(rest[quote.upperBound..<end])
      rest = rest[rest.index(after: end)...]
    }
    return found
  }

  /// Text without entities; a bare & or < is no XML.
  private static func plain(_ text: Substring) throws -> String {
    var result = ""
    var rest = text
    while let ampersand = rest.firstIndex(of: "&") {
      result += rest[..<ampersand]
      guard let end = rest[ampersand...].firstIndex(of: ";") else { throw Malformed(text: "a bare &") }
      let entity = String(rest[rest.index(after: ampersand)..<end])
      let known = ["amp": "&", "lt": "<", "gt": ">", "quot": "\"", "#10": "\n", "#9": "\t"]
      guard let value = known[entity] else { throw Malformed(text: "&\(entity);") }
      result += value
      rest = rest[rest.index(after: end)...]
    }
    return result + rest
  }
}
