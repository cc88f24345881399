// Owns: which targets have been changed by an unsafe method (RFC 9111, 4.4), for keys that hold more than the target: headers, cookies, an origin
// that a function chose. Nobody knows all the keys under which such a target's responses stand. So these keys hold its edition, too, a number
// that is 0 until the target is changed and another one after each change: what stands under the former ones is found no more, and leaves like
// anything that nobody asks for. A fetch that began before the change brings its response to a former key.
//
// The editions stand in a table of fixed size, by a secret hash of the target. Two targets that meet in one place share an edition: then the
// change of one costs the other's responses, which are fetched anew. Nothing is ever served that was changed.
import Synchronization

/// The editions of targets. Any thread: each part of the table has a lock of its own, held for one look.
final class TargetEditions: Sendable {
  /// Parts of the table, each made when a target in it is changed first; and their places. 2 MiB in all.
  static let parts = 64, placesOfPart = 4_096
  /// Bytes of a part, in memory and in a file.
  static let partBytes = placesOfPart * 8

  private final class Part: Sendable { let editions = Mutex<[UInt64]>([]) }

  private let hash: KeyHash
  private let isUsed = Atomic<Bool>(false)
  private let table = (0..<TargetEditions.parts).map { _ in Part() }

  /// - Parameter hash: has the secret; of what outlives this process, the folder's.
  init(_ hash: KeyHash) { self.hash = hash }

  /// Where a key's target stands: its distribution, path and query, whatever the method.
  private func place(_ key: Span<UInt8>, _ places: KeyPlaces) -> (part: Int, index: Int) {
    let end = places.query.isEmpty ? places.path.upperBound : places.query.upperBound
    var place = hash(key.extracting(places.path.lowerBound..<end))
    for index in places.distribution { place = place &* 31 &+ UInt64(key[index]) }
    return (Int(place % UInt64(Self.parts)), Int(place / UInt64(Self.parts) % UInt64(Self.placesOfPart)))
  }

  /// The edition of a key's target; 0 when nothing like it has been changed.
  func edition(_ key: Span<UInt8>, _ places: KeyPlaces) -> UInt64 {
    guard isUsed.load(ordering: .acquiring) else { return 0 }
    let (part, index) = place(key, places)
    return table[part].editions.withLock { $0.isEmpty ? 0 : $0[index] }
  }

  /// Gives a key's target another edition.
  /// - Returns: the part of the table, and whether it has been made for this.
  func renew(_ key: Span<UInt8>, _ places: KeyPlaces) -> (part: Int, isNew: Bool) {
    let (part, index) = place(key, places)
    let isNew = table[part].editions.withLock { editions in
      let isNew = editions.isEmpty
      if isNew { editions = [UInt64](repeating: 0, count: Self.placesOfPart) }
      editions[index] = .random(in: 1 ... .max)
      return isNew
    }
    isUsed.store(true, ordering: .releasing)
    return (part, isNew)
  }

  // MARK: What outlives the process

  /// A part as a file has it.
  func bytes(of part: Int) -> [UInt8] {
    let editions = table[part].editions.withLock { $0 }
    return editions.flatMap { edition in (0..<8).map { UInt8(truncatingIfNeeded: edition >> UInt64($0 * 8)) } }
  }

  /// Takes up what a process before this one wrote down. What has been changed in this one stays.
  /// - Parameter file: nil when it is there and cannot be understood: then everything counts as changed.
  /// - Returns: how many parts have been made for this.
  func adopt(_ file: [UInt8]?) -> Int {
    var made = 0
    for part in 0..<Self.parts {
      let start = part * Self.partBytes
      if let file, start >= file.count { break }
      let former: [UInt64] = (0..<Self.placesOfPart).map { index in
        guard let file else { return .random(in: 1 ... .max) }
        let first = start + index * 8
        return first + 8 <= file.count ? (0..<8).reduce(0) { $0 | UInt64(file[first + $1]) << UInt64($1 * 8) } : 0
      }
      guard former.contains(where: { $0 != 0 }) else { continue }
      table[part].editions.withLock { editions in
        if editions.isEmpty {
          made += 1
          editions = former
        } else {
          for index in editions.indices where editions[index] == 0 { editions[index] = former[index] }
        }
      }
      isUsed.store(true, ordering: .releasing)
    }
    return made
  }
}
