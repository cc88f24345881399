// What POST /invalidations takes, and what it refuses.
import ObjectCache
import Testing
@testable import ControlPlane

@Suite struct InvalidationRequestTests {
  @Test func pathsAndTags() throws {
    let request = try InvalidationRequest(Array(#"{"paths": ["/a", "/b/*"], "tags": ["red"], "distribution": "shop"}"#.utf8), distributions: ["shop"])
    #expect(request.invalidations == [
      Invalidation(distribution: "shop", .path("/a")), Invalidation(distribution: "shop", .path("/b/*")), Invalidation(distribution: "shop", .tag("red")),
    ])
    #expect(try InvalidationRequest(Array(#"{"tags": ["red"]}"#.utf8), distributions: []).invalidations == [Invalidation(.tag("red"))])
  }

  @Test(arguments: [
    "", "[]", "{}", #"{"paths": []}"#, #"{"paths": "/a"}"#, #"{"paths": ["a"]}"#, #"{"paths": [""]}"#, #"{"paths": [1]}"#, #"{"tags": [""]}"#,
    #"{"tags": ["two words"]}"#, #"{"paths": ["/a"], "distribution": "none"}"#, #"{"paths": ["/a"], "more": 1}"#,
    "{\"paths\": [\"/\(String(repeating: "x", count: 4_000))\"]}",
  ]) func whatIsNone(_ text: String) {
    #expect(throws: InvalidationRequest.Problem.self) { _ = try InvalidationRequest(Array(text.utf8), distributions: ["shop"]) }
  }
}
