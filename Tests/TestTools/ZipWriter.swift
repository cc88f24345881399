// Writes .zip files, good ones and hostile ones.

/// A .zip of stored entries, as the author of an archive could write it by hand.
public enum ZipWriter {
  /// A file, a folder or something else.
  public struct Entry {
    /// From the archive's root.
    public var name: String
    /// Its content.
    public var bytes: [UInt8]
    /// Type and permissions, as Unix has them.
    public var mode: UInt32
    /// What it says of its size unpacked; then `bytes` are to be packed ones.
    public var declaredBytes: Int?
    /// Whether what it says of its bytes' sum is not so.
    public var hasWrongSum: Bool

    /// An entry.
    public init(name: String, bytes: [UInt8] = [], mode: UInt32 = 0o100644, declaredBytes: Int? = nil, hasWrongSum: Bool = false) {
      (self.name, self.bytes, self.mode, self.declaredBytes, self.hasWrongSum) = (name, bytes, mode, declaredBytes, hasWrongSum)
    }
  }

  /// The file.
  public static func archive(_ entries: [Entry]) -> [UInt8] {
    var file: [UInt8] = [], directory: [UInt8] = []
    for entry in entries {
      let name = Array(entry.name.utf8), size = UInt32(entry.declaredBytes ?? entry.bytes.count)
      let common: [(UInt32, Int)] = [(20, 2), (0x0800, 2), (entry.declaredBytes == nil ? 0 : 8, 2), (0, 4), (crc(entry.bytes) ^ (entry.hasWrongSum ? 1 : 0), 4), (UInt32(entry.bytes.count), 4), (size, 4), (UInt32(name.count), 2), (0, 2)]
      directory += numbers([(0x0201_4b50, 4), (0x0314, 2)] + common + [(0, 2), (0, 2), (0, 2), (entry.mode << 16, 4), (UInt32(file.count), 4)])
      directory += name
      file += numbers([(0x0403_4b50, 4)] + common)
      file += name
      file += entry.bytes
    }
    let count = UInt32(entries.count)
    let end = numbers([(0x0605_4b50, 4), (0, 4), (count, 2), (count, 2), (UInt32(directory.count), 4), (UInt32(file.count), 4), (0, 2)])
    return file + directory + end
  }

  private static func numbers(_ values: [(value: UInt32, bytes: Int)]) -> [UInt8] {
    values.flatMap { number in (0..<number.bytes).map { UInt8(truncatingIfNeeded: number.value >> UInt32($0 * 8)) } }
  }

  private static func crc(_ bytes: [UInt8]) -> UInt32 {
    var crc = ~UInt32(0)
    for byte in bytes {
      crc ^= UInt32(byte)
      for _ in 0..<8 { crc = crc & 1 == 1 ? (crc >> 1) ^ 0xEDB8_8320 : crc >> 1 }
    }
    return ~crc
  }
}
