// Owns: a mark for big structures that are to stay where they are.
import Synchronization

/// A member that costs one byte and makes the structure around it one that is handed on by its address.
///
/// A ~Copyable structure of plain members is handed to a function that only borrows it as a copy of its bytes; 25 such copies of
/// 150 bytes and more stood in the way of every request (2,700 of its 29,400 instructions). An atomic cannot be copied so.
public struct InPlace: ~Copyable, Sendable {
  private let byte = Atomic<UInt8>(0)
  /// The mark.
  public init() {}
}
