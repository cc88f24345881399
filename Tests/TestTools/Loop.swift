// Owns: an event loop for the length of a test.
public import Transport

/// Runs a body on a loop and thread of its own, which end with it.
public func onALoop<Value: Sendable>(_ body: @escaping @Sendable (EventLoop) async throws -> Value) async throws -> Value {
  let loop = try EventLoop()
  let thread = loop.start()
  defer {
    loop.stop()
    thread.join()
  }
  return try await loop.perform { _ in try await body(loop) }
}
