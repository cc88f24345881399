// Writes databases in MaxMind's format, version 2.0 (https://maxmind.github.io/MaxMind-DB/), small ones for tests: nothing of MaxMind's is needed.

/// A value of a database.
public indirect enum GeoValue {
  case text(String), double(Double), uint16(UInt16), uint32(UInt32), uint64(UInt64), map([(String, GeoValue)]), list([GeoValue])

  /// In the data section's form: a control byte with type and size, then the content.
  var bytes: [UInt8] {
    switch self {
    case .text(let text): Self.head(2, text.utf8.count) + Array(text.utf8)
    case .double(let number): Self.head(3, 8) + Self.bigEndian(number.bitPattern, 8)
    case .uint16(let number): Self.head(5, 2) + Self.bigEndian(UInt64(number), 2)
    case .uint32(let number): Self.head(6, 4) + Self.bigEndian(UInt64(number), 4)
    case .map(let members): Self.head(7, members.count) + members.flatMap { GeoValue.text($0.0).bytes + $0.1.bytes }
    case .uint64(let number): Self.head(9, 8) + Self.bigEndian(number, 8)
    case .list(let values): Self.head(11, values.count) + values.flatMap(\.bytes)
    }
  }

  private static func head(_ type: UInt8, _ size: Int) -> [UInt8] {
    let sizeBits = UInt8(min(size, 29)), more = size < 29 ? [] : [UInt8(size - 29)]
    return (type < 8 ? [type << 5 | sizeBits] : [sizeBits, type - 7]) + more
  }
  fileprivate static func bigEndian(_ value: UInt64, _ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * (count - 1 - $0))) } }
}

/// A database of networks.
public struct GeoDatabaseWriter {
  private enum Branch { case nothing, node(Int), data(Int) }
  private var nodes: [[Branch]] = [[.nothing, .nothing]]
  private var data: [UInt8] = []
  private let type: String

  /// An empty one of a kind such as `Test-City`.
  public init(type: String) { self.type = type }

  /// Adds what is known of a network; IPv4 networks lie in ::/96. Networks do not overlap.
  public mutating func add(high: UInt64 = 0, low: UInt64, bits: Int, _ value: GeoValue) {
    let offset = data.count
    data += value.bytes
    var node = 0
    for bit in 0..<bits {
      let side = Int((bit < 64 ? high >> UInt64(63 - bit) : low >> UInt64(127 - bit)) & 1)
      if bit == bits - 1 {
        nodes[node][side] = .data(offset)
      } else if case .node(let next) = nodes[node][side] {
        node = next
      } else {
        nodes.append([.nothing, .nothing])
        nodes[node][side] = .node(nodes.count - 1)
        node = nodes.count - 1
      }
    }
  }
  /// Adds an IPv4 network.
  public mutating func add(ipv4 address: UInt32, bits: Int, _ value: GeoValue) { add(low: UInt64(address), bits: 96 + bits, value) }

  /// The file.
  public var bytes: [UInt8] {
    let tree = nodes.flatMap { $0.flatMap { branch in
      switch branch {
      case .nothing: GeoValue.bigEndian(UInt64(nodes.count), 3)
      case .node(let number): GeoValue.bigEndian(UInt64(number), 3)
      case .data(let offset): GeoValue.bigEndian(UInt64(nodes.count + 16 + offset), 3)
      }
    } }
    let metadata = GeoValue.map([
      ("binary_format_major_version", .uint16(2)), ("binary_format_minor_version", .uint16(0)), ("build_epoch", .uint64(1_800_000_000)), ("database_type", .text(type)),
      ("description", .map([("en", .text("made for tests"))])), ("ip_version", .uint16(6)), ("languages", .list([.text("en")])),
      ("node_count", .uint32(UInt32(nodes.count))), ("record_size", .uint16(24)),
    ])
    return tree + [UInt8](repeating: 0, count: 16) + data + [0xab, 0xcd, 0xef] + Array("MaxMind.com".utf8) + metadata.bytes
  }

  /// What a city database says.
  public static func city(
    _ country: String, _ countryName: String, region: (String, String)? = nil, city: String? = nil, postalCode: String? = nil, metroCode: UInt16? = nil,
    at location: (latitude: Double, longitude: Double, timeZone: String)? = nil
  ) -> GeoValue {
    func named(_ name: String) -> (String, GeoValue) { ("names", .map([("de", .text("?")), ("en", .text(name))])) }
    var members: [(String, GeoValue)] = [("country", .map([("iso_code", .text(country)), named(countryName)]))]
    if let region { members.append(("subdivisions", .list([.map([("iso_code", .text(region.0)), named(region.1)]), .map([("iso_code", .text("??"))])]))) }
    if let city { members.append(("city", .map([named(city)]))) }
    if let postalCode { members.append(("postal", .map([("code", .text(postalCode))]))) }
    if let location {
      var place: [(String, GeoValue)] = [("latitude", .double(location.latitude)), ("longitude", .double(location.longitude)), ("time_zone", .text(location.timeZone))]
      if let metroCode { place.append(("metro_code", .uint16(metroCode))) }
      members.append(("location", .map(place)))
    }
    return .map(members)
  }

  /// The databases that tests look 127.0.0.0/8 and others up in.
  public static var places: [UInt8] {
    var places = GeoDatabaseWriter(type: "Test-City")
    places.add(ipv4: 0x7f00_0000, bits: 16, city("US", "United States", region: ("CO", "Colorado"), city: "Denver", postalCode: "80202", metroCode: 751, at: (39.7525, -104.9995, "America/Denver")))
    places.add(ipv4: 0x7f01_0000, bits: 16, city("BR", "Brazil", region: ("SP", "São Paulo"), city: "São Paulo", postalCode: "01000-000", metroCode: 1, at: (-23.5475, -46.63611, "America/Sao_Paulo")))
    places.add(ipv4: 0x7f02_0000, bits: 16, city("DE", "Germany"))
    places.add(high: 0x2001_0db8_0000_0000, low: 0, bits: 32, city("FR", "France", city: "100 %"))
    return places.bytes
  }
  /// Networks of autonomous systems.
  public static var systems: [UInt8] {
    var systems = GeoDatabaseWriter(type: "Test-ASN")
    systems.add(ipv4: 0x7f00_0000, bits: 8, .map([("autonomous_system_number", .uint32(64_500)), ("autonomous_system_organization", .text("Test"))]))
    return systems.bytes
  }
}
