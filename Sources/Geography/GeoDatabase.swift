// Owns: databases that say where addresses are (MaxMind's format), and what one of them says as text fit for a header. Immutable once open; any
// thread may look up. Unsafe only at the calls into libmaxminddb.
//
// A database is mapped into memory, not read: replace it by renaming another file over it, as geoipupdate does. One that is overwritten where it
// lies while it is in use can end the process.
import CMaxMind

/// What a database may say of an address.
public enum GeoField: UInt32, CaseIterable, Sendable {
  case country, countryName, region, regionName, city, postalCode, metroCode, latitude, longitude, timeZone, asn
}

/// Why a file is no database.
public struct GeoFailure: Error, Equatable, Sendable {
  /// In libmaxminddb's words.
  public let reason: String
}

/// A database in MaxMind's format.
@safe public final class GeoDatabase: @unchecked Sendable, Equatable {
  /// The path of its file.
  public let path: String
  /// Its kind, such as `GeoLite2-City`.
  public let type: String
  private let epoch: UInt64
  private let database: OpaquePointer

  /// Maps a file. Blocks.
  public init(path: String) throws(GeoFailure) {
    var words = [CChar](repeating: 0, count: Int(SK_GEO_WORDS))
    guard let database = unsafe sk_geo_open(path, &words) else { throw GeoFailure(reason: Self.text(words)) }
    self.path = path
    unsafe self.database = database
    type = unsafe String(cString: sk_geo_type(database))
    epoch = unsafe sk_geo_epoch(database)
  }

  deinit { unsafe sk_geo_close(database) }

  private static func text(_ bytes: some Sequence<CChar>) -> String {
    String(decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Adds what it says of an address to what is known of it. Some 3 µs.
  func describe(_ address: GeoAddress, _ place: inout GeoPlace) {
    var entry: UInt32 = 0
    guard unsafe sk_geo_find(database, address.bytes, address.isIPv4 ? 1 : 0, &entry) == 1 else { return }
    var value = [CChar](repeating: 0, count: Int(SK_GEO_VALUE))
    for field in GeoField.allCases where place[field] == nil {
      let length = unsafe sk_geo_value(database, entry, sk_geo_field(rawValue: field.rawValue), &value)
      if length > 0 { place[field] = Self.headerValue(value[..<length].map { UInt8(bitPattern: $0) }) }
    }
  }

  /// Fit for a header: what is not printable ASCII is percent-encoded, and `%` itself (RFC 3986, 2.1).
  static func headerValue(_ bytes: [UInt8]) -> String {
    var text = ""
    for byte in bytes {
      if byte >= 0x20 && byte < 0x7f && byte != UInt8(ascii: "%") {
        text.unicodeScalars.append(Unicode.Scalar(byte))
      } else {
        text += (byte < 16 ? "%0" : "%") + String(byte, radix: 16, uppercase: true)
      }
    }
    return text
  }

  /// Whether two are the same edition of one file.
  public static func == (a: GeoDatabase, b: GeoDatabase) -> Bool { a.path == b.path && a.epoch == b.epoch && a.type == b.type }
}

/// An address as databases are asked for it.
public struct GeoAddress: Sendable, Hashable {
  private let high: UInt64, low: UInt64
  /// Whether it is an IPv4 address, which stands in the last 32 bits.
  public let isIPv4: Bool

  /// An IPv6 address.
  public init(high: UInt64, low: UInt64) { (self.high, self.low, isIPv4) = (high, low, false) }
  /// An IPv4 address.
  public init(ipv4 address: UInt32) { (high, low, isIPv4) = (0, UInt64(address), true) }

  var bytes: [UInt8] { (0..<16).map { UInt8(truncatingIfNeeded: ($0 < 8 ? high : low) >> UInt64(56 - $0 % 8 * 8)) } }
}

/// What is known of an address's place: values of headers, by field.
public struct GeoPlace: Sendable, Equatable {
  private var values: [GeoField: String] = [:]

  /// Nothing is known.
  public init() {}
  /// A value; the metro code is one of the USA only.
  public subscript(_ field: GeoField) -> String? {
    get { field == .metroCode && values[.country] != "US" ? nil : values[field] }
    set { values[field] = newValue }
  }
}

/// The databases of a configuration.
public struct Geography: Sendable, Equatable {
  /// Countries and cities.
  public var places: GeoDatabase?
  /// Autonomous systems.
  public var systems: GeoDatabase?

  /// None, or some.
  public init(places: GeoDatabase? = nil, systems: GeoDatabase? = nil) {
    self.places = places
    self.systems = systems
  }

  /// What they say of an address. Some 5 µs; any thread.
  public func place(of address: GeoAddress) -> GeoPlace {
    var place = GeoPlace()
    places?.describe(address, &place)
    systems?.describe(address, &place)
    return place
  }
}
