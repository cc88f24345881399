// Where a key stands a second time in a mapping: Yams tells the place of the first only.
// Pure; reads text that Yams has read, so that brackets and quotes are closed.

/// A key that its mapping has twice, with its first place.
struct RepeatedKey {
  /// The ways to write the key; one with escapes is not found.
  private let spellings: [[Unicode.Scalar]]
  private let line: Int, column: Int

  /// A key's text, and where it stands first: line and column from 1, the column in Unicode scalars.
  init(_ name: String, firstLine: Int, firstColumn: Int) {
    spellings = [name, "\"\(name)\"", "'\(name)'"].map { Array($0.unicodeScalars) }
    (line, column) = (firstLine, firstColumn)
  }

  /// Where it stands next in the same mapping; nil when it cannot be seen.
  func nextPlace(in yaml: String) -> (line: Int, column: Int)? {
    let lines = yaml.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map(Array.init)
    guard lines.indices.contains(line - 1), column <= lines[line - 1].count else { return nil }
    let before = lines[line - 1][..<(column - 1)]
    return before.allSatisfy { " -?".unicodeScalars.contains($0) } ? nextInBlock(lines) : nextInBraces(lines)
  }

  /// Whether one of the spellings stands at a place, and a colon behind it.
  private func isKey(_ line: [Unicode.Scalar], at index: Int) -> Bool {
    spellings.contains { spelling in
      line[index...].starts(with: spelling) && line[(index + spelling.count)...].first { $0 != " " } == ":"
    }
  }

  /// In a block the keys of a mapping stand in one column; what stands further to the left ends it.
  private func nextInBlock(_ lines: [[Unicode.Scalar]]) -> (line: Int, column: Int)? {
    for number in line..<lines.count {
      let text = lines[number], indentation = text.prefix { $0 == " " }.count
      guard indentation < text.count, !"#\r".unicodeScalars.contains(text[indentation]) else { continue }
      if indentation < column - 1 { return nil }
      if indentation == column - 1 && isKey(text, at: indentation) { return (number + 1, column) }
    }
    return nil
  }

  /// Between braces they stand behind a comma of the same depth.
  private func nextInBraces(_ lines: [[Unicode.Scalar]]) -> (line: Int, column: Int)? {
    var depth = 0, quote: Unicode.Scalar?, last: Unicode.Scalar = "{"
    for number in (line - 1)..<lines.count {
      let text = lines[number]
      var index = number == line - 1 ? column - 1 : 0
      while index < text.count {
        let scalar = text[index]
        defer { index += 1 }
        if let open = quote {
          if scalar == "\\" && open == "\"" { index += 1 } else if scalar == open { quote = nil }
          continue
        }
        if last == "," && depth == 0 && isKey(text, at: index) { return (number + 1, index + 1) }
        switch scalar {
        case " ", "\r": continue
        case "#" where index == 0 || text[index - 1] == " ":
          index = text.count
          continue
        // Elsewhere a quote is a character like any other.
        case "\"", "'": if ",:{[".unicodeScalars.contains(last) { quote = scalar }
        case "{", "[": depth += 1
        case "}", "]": depth -= 1
        default: break
        }
        if depth < 0 { return nil }
        last = scalar
      }
    }
    return nil
  }
}
