// Request ids.
import FunctionTier
import Testing

@Suite struct InvocationTests {
  @Test func requestIDsAreRandomUUIDs() {
    let ids = (0..<200).map { _ in Invocation.newRequestID() }
    #expect(Set(ids).count == ids.count)
    for id in ids {
      #expect(id.wholeMatch(of: /[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/) != nil, "\(id)")
    }
  }
}
