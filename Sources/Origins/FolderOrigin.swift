public import Transport
/// stub
public struct FileBody: ~Copyable {
  public var isBroken = false
  public nonisolated(nonsending) func read(into: inout ByteBuffer) async -> Int { 0 }
}
