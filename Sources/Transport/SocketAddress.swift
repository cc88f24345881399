// Owns: internet and Unix socket addresses as plain values, their text form and their kernel form.
import CSystem
import Glibc

/// An IPv4 or IPv6 address with a port, or the path of a Unix socket.
public enum SocketAddress: Hashable, Sendable {
  case ipv4(UInt32, port: UInt16)
  case ipv6(high: UInt64, low: UInt64, port: UInt16)
  case unix(path: String)

  /// Parses a literal: `127.0.0.1`, `::1` or `[::1]`; no names.
  /// - Returns: nil when `host` is not an address literal.
  public init?(host: String, port: UInt16) {
    let bare = host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
    var four = in_addr()
    if unsafe inet_pton(AF_INET, bare, &four) == 1 {
      self = .ipv4(UInt32(bigEndian: four.s_addr), port: port)
      return
    }
    var six = in6_addr()
    guard unsafe inet_pton(AF_INET6, bare, &six) == 1 else { return nil }
    self = Self.ipv6(six, port: port)
  }

  /// Parses `ADDRESS:PORT`, `[IPV6]:PORT` or `unix:PATH`.
  public init?(_ text: String) {
    if text.hasPrefix("unix:") {
      let path = String(text.dropFirst(5))
      guard !path.isEmpty, path.utf8.count < 108 else { return nil }   // sun_path, unix(7)
      self = .unix(path: path)
      return
    }
    guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else { return nil }
    self.init(host: String(text[..<colon]), port: port)
  }

  private static func ipv6(_ address: in6_addr, port: UInt16) -> SocketAddress {
    var address = address
    let halves = unsafe withUnsafeBytes(of: &address) {
      unsafe ($0.loadUnaligned(as: UInt64.self), $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
    }
    return .ipv6(high: UInt64(bigEndian: halves.0), low: UInt64(bigEndian: halves.1), port: port)
  }

  /// The port; 0 for a Unix socket.
  public var port: UInt16 {
    switch self {
    case .ipv4(_, let port), .ipv6(_, _, let port): port
    case .unix: 0
    }
  }

  /// The same address with another port; a Unix path is unchanged.
  public func with(port: UInt16) -> SocketAddress {
    switch self {
    case .ipv4(let address, _): .ipv4(address, port: port)
    case .ipv6(let high, let low, _): .ipv6(high: high, low: low, port: port)
    case .unix: self
    }
  }

  /// The address without port, as in X-Forwarded-For: `203.0.113.7`, `2001:db8::1`; `unix` for a Unix socket.
  public var host: String {
    switch self {
    case .ipv4(let a, _): return "\(a >> 24).\(a >> 16 & 255).\(a >> 8 & 255).\(a & 255)"
    case .ipv6(let high, let low, _):
      if high == 0 && low >> 32 == 0xffff { return SocketAddress.ipv4(UInt32(truncatingIfNeeded: low), port: 0).host }
      var address = in6_addr()
      unsafe withUnsafeMutableBytes(of: &address) {
        unsafe $0.storeBytes(of: high.bigEndian, as: UInt64.self)
        unsafe $0.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
      }
      var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
      let length = text.count
      guard unsafe inet_ntop(AF_INET6, &address, &text, socklen_t(length)) != nil else { return "::" }
      return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    case .unix: return "unix"
    }
  }

  /// 127.0.0.0/8 or ::1.
  public var isLoopback: Bool {
    switch self {
    case .ipv4(let address, _): address >> 24 == 127
    case .ipv6(let high, let low, _): high == 0 && (low == 1 || low >> 24 == 0xffff7f)
    case .unix: false
    }
  }
  /// 0.0.0.0 or ::, which a listener uses for "every address".
  public var isUnspecified: Bool {
    switch self {
    case .ipv4(let address, _): address == 0
    case .ipv6(let high, let low, _): high == 0 && low == 0
    case .unix: false
    }
  }

  /// The IPv4 address that an IPv4-mapped one stands for (RFC 4291, 2.5.5.2); others as they are.
  public var unmapped: SocketAddress {
    guard case .ipv6(0, let low, let port) = self, low >> 32 == 0xffff else { return self }
    return .ipv4(UInt32(truncatingIfNeeded: low), port: port)
  }

  var family: Int32 {
    switch self {
    case .ipv4: AF_INET
    case .ipv6: AF_INET6
    case .unix: AF_UNIX
    }
  }

  /// Calls `body` with the kernel's form of the address.
  func withSocketAddress<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
    var storage = sockaddr_storage()
    let size = unsafe withUnsafeMutableBytes(of: &storage) { raw -> Int in
      switch self {
      case .ipv4(let address, let port):
        let value = sockaddr_in(
          sin_family: sa_family_t(AF_INET), sin_port: port.bigEndian, sin_addr: in_addr(s_addr: address.bigEndian),
          sin_zero: (0, 0, 0, 0, 0, 0, 0, 0))
        unsafe raw.storeBytes(of: value, as: sockaddr_in.self)
        return MemoryLayout<sockaddr_in>.size
      case .ipv6(let high, let low, let port):
        unsafe raw.storeBytes(of: sa_family_t(AF_INET6), as: sa_family_t.self)
        unsafe raw.storeBytes(of: port.bigEndian, toByteOffset: 2, as: UInt16.self)
        unsafe raw.storeBytes(of: high.bigEndian, toByteOffset: 8, as: UInt64.self)
        unsafe raw.storeBytes(of: low.bigEndian, toByteOffset: 16, as: UInt64.self)
        return MemoryLayout<sockaddr_in6>.size
      case .unix(let path):
        unsafe raw.storeBytes(of: sa_family_t(AF_UNIX), as: sa_family_t.self)
        for (i, byte) in path.utf8.prefix(107).enumerated() { unsafe raw[2 + i] = byte }
        return MemoryLayout<sockaddr_un>.size
      }
    }
    return unsafe withUnsafePointer(to: &storage) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0, socklen_t(size)) }
    }
  }

  /// Reads the kernel's form; nil for a family that is neither of the three.
  init?(_ storage: sockaddr_storage) {
    var storage = storage
    switch Int32(storage.ss_family) {
    case AF_INET:
      let value = unsafe withUnsafeBytes(of: &storage) { unsafe $0.loadUnaligned(as: sockaddr_in.self) }
      self = .ipv4(UInt32(bigEndian: value.sin_addr.s_addr), port: UInt16(bigEndian: value.sin_port))
    case AF_INET6:
      let value = unsafe withUnsafeBytes(of: &storage) { unsafe $0.loadUnaligned(as: sockaddr_in6.self) }
      self = Self.ipv6(value.sin6_addr, port: UInt16(bigEndian: value.sin6_port))
    case AF_UNIX: self = .unix(path: "")
    default: return nil
    }
  }
}

extension SocketAddress: CustomStringConvertible {
  /// `127.0.0.1:8080`, `[::1]:8080` or `unix:/path`.
  public var description: String {
    switch self {
    case .ipv4(_, let port): "\(host):\(port)"
    case .ipv6(_, _, let port): "[\(host)]:\(port)"
    case .unix(let path): "unix:\(path)"
    }
  }
}
