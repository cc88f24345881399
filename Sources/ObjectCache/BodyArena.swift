// Owns: memory for large bodies, as one file without a name (memfd): written with pwrite, sent to plain sockets with sendfile and read from a
// mapping for all others, so that a body lies in memory once and is never copied to be sent.
//
// The file is cut into chunks of 1 MiB, each into slots of one size (64 KiB, 128 … 1 MiB). A body of n bytes takes a slot of the next size, but
// only the pages it has written exist: what the slots are larger costs addresses and no memory, and so does every gap. A slot that is given
// back is punched out of the file before it is used again: pages that a socket still has in its queue stay what they are.
// The lock guards the lists of free slots; it is not held during system calls.
import Glibc
import CSystem  // after Glibc: see Transport
import Synchronization

/// A file in memory, cut into slots. Any thread.
@safe final class BodyArena: @unchecked Sendable {
  static let chunkBytes = 1 << 20
  static let pageBytes = 4096
  private static let smallestSlotShift = 16
  private static let classes = 5
  /// Chunks that addresses are reserved for, ten times: 20 TiB of them, of the 128 there are. Beyond that, bodies lie in the allocator's memory.
  private static let mostChunks = 1 << 21

  private struct Slots {
    var free: [[Int]] = Array(repeating: [], count: BodyArena.classes)
    /// Where the next chunk begins.
    var end = 0
  }

  /// The file.
  let file: Int32
  private let base: UnsafeRawPointer
  private let reservedBytes: Int
  private let slots = Mutex(Slots())

  /// - Parameter limitBytes: what may be in use at once. Of the addresses ten times as many are reserved: each class of slots may have had
  ///   its turn, and slots are up to twice as large as what stands in them.
  /// - Returns: nil when the system has no such files, or no room for the addresses.
  init?(limitBytes: Int) {
    reservedBytes = max(16, min(limitBytes / Self.chunkBytes, Self.mostChunks) * 2 * Self.classes) * Self.chunkBytes
    file = unsafe skerry_memory_file("skerry cache")
    guard file >= 0 else { return nil }
    guard let memory = unsafe skerry_map_file(file, reservedBytes) else {
      close(file)
      return nil
    }
    unsafe base = memory
  }
  deinit {
    unsafe skerry_unmap(base, reservedBytes)
    close(file)
  }

  /// A part of the file.
  struct Slot: Sendable {
    let offset: Int
    let kind: Int
    var bytes: Int { 1 << (BodyArena.smallestSlotShift + kind) }
  }

  /// A slot for so many bytes, at most ``chunkBytes``; nil when the file cannot grow.
  func take(_ bytes: Int) -> Slot? {
    let kind = Self.kind(of: bytes)
    return slots.withLock { slots in
      if let offset = slots.free[kind].popLast() { return Slot(offset: offset, kind: kind) }
      guard slots.end + Self.chunkBytes <= reservedBytes, ftruncate(file, slots.end + Self.chunkBytes) == 0 else { return nil }
      let chunk = slots.end
      slots.end += Self.chunkBytes
      let size = 1 << (Self.smallestSlotShift + kind)
      for offset in stride(from: chunk + Self.chunkBytes - size, to: chunk, by: -size) { slots.free[kind].append(offset) }
      return Slot(offset: chunk, kind: kind)
    }
  }

  private static func kind(of bytes: Int) -> Int {
    var kind = 0
    while kind < classes - 1 && bytes > 1 << (smallestSlotShift + kind) { kind += 1 }
    return kind
  }

  /// Gives a slot back. Its pages go to the system first.
  func giveBack(_ slot: Slot) {
    // What cannot be punched out would be written to while a socket may still send it: it is not used again.
    guard skerry_punch_hole(file, Int64(slot.offset), Int64(slot.bytes)) == 0 else { return }
    slots.withLock { $0.free[slot.kind].append(slot.offset) }
  }

  /// Writes into a slot.
  /// - Returns: whether there was memory for it.
  func write(_ bytes: Span<UInt8>, at offset: Int) -> Bool {
    unsafe bytes.withUnsafeBufferPointer { bytes in
      var done = 0
      while done < bytes.count {
        let n = unsafe pwrite(file, bytes.baseAddress.map { unsafe $0 + done }, bytes.count - done, offset + done)
        if n < 0 && errno == EINTR { continue }
        guard n > 0 else { return false }
        done += n
      }
      return true
    }
  }

  /// Where a slot's bytes are mapped. Only what has been written may be looked at.
  func address(_ slot: Slot) -> UnsafeRawPointer { unsafe base + slot.offset }

  /// What a run of bytes takes.
  static func counted(_ bytes: Int) -> Int { (bytes + pageBytes - 1) & ~(pageBytes - 1) }
  /// Bytes of memory the file takes now, by the system's account. For tests.
  var residentBytes: Int {
    var status = stat()
    return unsafe fstat(file, &status) == 0 ? Int(status.st_blocks) * 512 : 0
  }
}
