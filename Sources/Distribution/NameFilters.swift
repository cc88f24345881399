// Leaving out cookies and query string parameters that a behavior does not forward.
// Pure functions over bytes, linear in the input (cookies: plus sorting). Names are compared byte for byte.
// Source: spec/request-pipeline.md 3, 5.

extension NameSelection {
  /// Whether a name is selected; case matters.
  public func selects(_ name: ArraySlice<UInt8>) -> Bool {
    switch self {
    case .none: false
    case .all: true
    case .only(let names): names.contains { $0.utf8.elementsEqual(name) }
    case .allExcept(let names): !names.contains { $0.utf8.elementsEqual(name) }
    }
  }

  /// The parameters of a query string that are selected, in their order and with their bytes, joined by `&`.
  ///
  /// Only `&` separates parameters; a parameter's name ends at its first `=` and is compared as it stands, not decoded.
  /// - Parameter raw: the query without its `?`. An empty result means that no `?` is sent.
  public func filterQuery(_ raw: Span<UInt8>) -> [UInt8] {
    if self == .none { return [] }
    let bytes = raw.copied
    if self == .all { return bytes }
    var output: [UInt8] = []
    output.reserveCapacity(bytes.count)
    for parameter in bytes.split(separator: UInt8(ascii: "&"), omittingEmptySubsequences: true)
    where selects(parameter.prefix { $0 != UInt8(ascii: "=") }) {
      if !output.isEmpty { output.append(UInt8(ascii: "&")) }
      output.append(contentsOf: parameter)
    }
    return output
  }

  /// The cookies of a Cookie header that are selected, sorted by name, joined by `; `.
  ///
  /// Cookies of the same name keep their order; names that begin with `$` and pairs without a name or `=` are dropped.
  /// - Parameter raw: the value of the Cookie header (several joined by `; `). An empty result means no header is sent.
  public func filterCookies(_ raw: Span<UInt8>) -> [UInt8] {
    if self == .none { return [] }
    var kept: [(name: ArraySlice<UInt8>, pair: ArraySlice<UInt8>)] = []
    for part in raw.copied.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: true) {
      let pair = part.trimmingSpaces()
      guard let equals = pair.firstIndex(of: UInt8(ascii: "=")) else { continue }
      let name = pair[..<equals].trimmingSpaces()
      guard let first = name.first, first != UInt8(ascii: "$"), selects(name) else { continue }
      kept.append((name, pair))
    }
    // The standard sort is stable, but does not promise it: the place breaks ties.
    let sorted = kept.enumerated().sorted { left, right in
      if left.element.name.lexicographicallyPrecedes(right.element.name) { return true }
      if right.element.name.lexicographicallyPrecedes(left.element.name) { return false }
      return left.offset < right.offset
    }
    var output: [UInt8] = []
    output.reserveCapacity(raw.count)
    for (_, cookie) in sorted {
      if !output.isEmpty { output.append(contentsOf: [UInt8(ascii: ";"), UInt8(ascii: " ")]) }
      output.append(contentsOf: cookie.pair)
    }
    return output
  }
}

extension Span where Element == UInt8 {
  /// A copy of the bytes.
  var copied: [UInt8] {
    var copy: [UInt8] = []
    copy.reserveCapacity(count)
    for index in 0..<count { copy.append(self[index]) }
    return copy
  }
}

extension ArraySlice where Element == UInt8 {
  /// Without spaces and tabs at both ends.
  func trimmingSpaces() -> ArraySlice<UInt8> {
    var slice = self
    while let first = slice.first, first == 0x20 || first == 0x09 { slice = slice.dropFirst() }
    while let last = slice.last, last == 0x20 || last == 0x09 { slice = slice.dropLast() }
    return slice
  }
}
