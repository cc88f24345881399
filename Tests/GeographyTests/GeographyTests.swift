// What a database says of an address, every field of it; and files that are none.
@testable import Geography
import Foundation
import TestTools
import Testing

@Suite struct GeographyTests {
  private let folder = FileManager.default.temporaryDirectory.appendingPathComponent("skerry-geo-\(UUID().uuidString)")
  private func database(_ bytes: [UInt8], _ name: String = "a.mmdb") throws -> GeoDatabase {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let file = folder.appendingPathComponent(name)
    try Data(bytes).write(to: file)
    return try GeoDatabase(path: file.path)
  }
  private func geography() throws -> Geography {
    defer { try? FileManager.default.removeItem(at: folder) }
    return Geography(places: try database(GeoDatabaseWriter.places), systems: try database(GeoDatabaseWriter.systems, "b.mmdb"))
  }
  private func known(_ place: GeoPlace) -> [String?] { GeoField.allCases.map { place[$0] } }

  @Test func everyField() throws {
    let geography = try geography()
    let places: [(GeoAddress, [String?])] = [
      (GeoAddress(ipv4: 0x7f00_0001), ["US", "United States", "CO", "Colorado", "Denver", "80202", "751", "39.75250", "-104.99950", "America/Denver", "64500"]),
      (GeoAddress(ipv4: 0x7f01_ffff), ["BR", "Brazil", "SP", "S%C3%A3o Paulo", "S%C3%A3o Paulo", "01000-000", nil, "-23.54750", "-46.63611", "America/Sao_Paulo", "64500"]),
      (GeoAddress(ipv4: 0x7f02_0304), ["DE", "Germany", nil, nil, nil, nil, nil, nil, nil, nil, "64500"]),
      (GeoAddress(ipv4: 0x7f03_0304), [nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, "64500"]),
      (GeoAddress(ipv4: 0x0808_0808), Array(repeating: nil, count: 11)),
      (GeoAddress(high: 0x2001_0db8_1234_5678, low: 9), ["FR", "France", nil, nil, "100 %25", nil, nil, nil, nil, nil, nil]),
      (GeoAddress(high: 0x2001_0db9_0000_0000, low: 0), Array(repeating: nil, count: 11)),
    ]
    for (address, expected) in places { #expect(known(geography.place(of: address)) == expected, "\(address)") }
    #expect(known(Geography().place(of: places[0].0)) == Array(repeating: nil, count: 11))
    #expect(known(Geography(systems: geography.systems).place(of: places[0].0)).compactMap { $0 } == ["64500"])
  }

  /// A file that ends anywhere, or has a byte changed anywhere, is refused or says something; it never ends the process.
  @Test func brokenFiles() throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    let whole = GeoDatabaseWriter.places
    #expect(throws: GeoFailure.self) { try GeoDatabase(path: "/nowhere.mmdb") }
    for broken in [[], Array("not one".utf8), Array(whole[..<(whole.count / 2)])] { #expect(throws: GeoFailure.self) { try database(broken) } }
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<300 {
      var bytes = whole
      bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: .min ... .max, using: &generator)
      guard let database = try? database(bytes) else { continue }
      _ = Geography(places: database).place(of: GeoAddress(ipv4: 0x7f00_0001))
    }
  }
}
