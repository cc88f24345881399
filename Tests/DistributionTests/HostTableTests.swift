// Host to distribution, as a table. Source: spec/request-pipeline.md 1.
import Distribution
import Testing

struct HostTableTests {
  static func distribution(_ aliases: [String], isDefault: Bool = false) -> Distribution {
    Distribution(
      id: "E", aliases: aliases, isDefault: isDefault, origins: [],
      behaviors: [Behavior(pathPattern: .all, target: .origin(0))])
  }
  static let table = HostTable([
    distribution(["www.example.com", "example.com", "10.0.0.1"]), distribution(["*.example.net"]),
    distribution(["*.deep.example.net", "exact.example.net", "*.example.com"]), distribution([], isDefault: true),
  ])
  static let cases: [(host: String, distribution: Int?)] = [
    ("www.example.com", 0), ("WWW.Example.COM", 0), ("www.example.com:8080", 0), ("www.example.com.", 0),
    ("www.example.com.:80", 0), ("www.example.com:", 0), ("10.0.0.1:80", 0), ("10.0.0.1", 0),
    ("a.example.net", 1), ("a.b.example.net", 1), ("A.EXAMPLE.NET:1", 1), ("example.net", 3), (".example.net", 3),
    ("xexample.net", 3), ("exact.example.net", 2), ("x.deep.example.net", 2), ("deep.example.net", 1),
    ("x.example.com", 2), ("example.com", 0), ("", 3), (":80", 3), (".", 3), ("[::1]", 3), ("[::1]:80", 3), ("80", 3),
    ("www.example.com..", 3), ("www.example.com:80:80", 3), ("www.example.comx", 3),
  ]

  @Test(arguments: cases) func lookup(_ test: (host: String, distribution: Int?)) {
    #expect(HostTableTests.table.distribution(forHost: bytes(test.host).span) == test.distribution)
  }

  @Test func withoutDefaultNobodyAnswers() {
    let table = HostTable([HostTableTests.distribution(["a.example"])])
    #expect(table.distribution(forHost: bytes("b.example").span) == nil)
    #expect(HostTable([]).distribution(forHost: bytes("b.example").span) == nil)
  }

  @Test func everyAliasOfManyIsFound() {
    let names = (0..<1000).map { "host\($0).example.com" }
    let table = HostTable(names.map { HostTableTests.distribution([$0]) })
    for (index, name) in names.enumerated() { #expect(table.distribution(forHost: bytes(name).span) == index) }
  }
}
