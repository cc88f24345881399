// Connecting to the first of several addresses, on loopback: addresses that accept, refuse, or never answer.

import Foundation
import Glibc
import Testing

@testable import Transport

/// A listening socket of loopback; with `full`, its queue is so full that further connections hang.
private final class Target {
  let address: SocketAddress
  private let descriptor: Int32
  private var fillers: [Int32] = []

  init(full: Bool = false) {
    let descriptor = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    self.descriptor = descriptor
    _ = unsafe SocketAddress.ipv4(0x7f00_0001, port: 0).withSocketAddress { unsafe bind(descriptor, $0, $1) }
    listen(descriptor, full ? 0 : 16)
    var name = sockaddr_in(), size = socklen_t(MemoryLayout<sockaddr_in>.size)
    _ = unsafe withUnsafeMutablePointer(to: &name) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe getsockname(descriptor, $0, &size) }
    }
    let address = SocketAddress.ipv4(0x7f00_0001, port: UInt16(bigEndian: name.sin_port))
    self.address = address
    guard full else { return }
    for _ in 0..<4 {
      let filler = Glibc.socket(AF_INET, SystemCalls.stream, 0)
      _ = unsafe address.withSocketAddress { unsafe connect(filler, $0, $1) }
      fillers.append(filler)
    }
    usleep(20_000)
  }

  func close() {
    for filler in fillers { Glibc.close(filler) }
    Glibc.close(descriptor)
  }
}

private struct Report: Sendable {
  var winner: SocketAddress?
  var failure: ConnectFailure?
  var milliseconds: UInt64
}

private func race(_ addresses: [SocketAddress], _ configure: (inout AddressRace.Configuration) -> Void = { _ in }) async throws -> Report {
  let loop = try EventLoop()
  let thread = loop.start()
  var configuration = AddressRace.Configuration()
  configure(&configuration)
  let made = configuration
  let report = await loop.perform { _ in
    let start = SystemCalls.monotonicNanoseconds()
    func elapsed() -> UInt64 { (SystemCalls.monotonicNanoseconds() - start) / 1_000_000 }
    do {
      let (socket, address) = try await AddressRace.connect(to: addresses, on: loop, configuration: made)
      let time = elapsed()
      // The winner is a working socket of the loop.
      var stream = Stream(socket)
      stream.output.append("ping")
      let isSent = (try? stream.attemptFlush()) == true
      socket.close()
      return Report(winner: isSent ? address : nil, failure: nil, milliseconds: time)
    } catch {
      return Report(winner: nil, failure: error as? ConnectFailure, milliseconds: elapsed())
    }
  }
  loop.stop()
  thread.join()
  return report
}

/// How many connections to an address are open or being opened, by anybody: other tests have descriptors of their own.
private func connections(to address: SocketAddress) throws -> Int {
  let target = "0100007F:" + String(format: "%04X", Int(address.port))
  let table = try String(contentsOfFile: "/proc/net/tcp", encoding: .utf8)
  return table.split(separator: "\n").count { line in
    let columns = line.split(separator: " ")
    return columns.count > 3 && columns[2] == target && ["01", "02"].contains(columns[3])
  }
}

@Suite(.serialized) struct AddressRaceTests {
  /// Nobody listens there.
  static let refusing = SocketAddress.ipv4(0x7f00_0001, port: 1)

  @Test func connectsToTheOnlyAddress() async throws {
    let target = Target()
    defer { target.close() }
    #expect(try await race([target.address]).winner == target.address)
  }

  @Test func goesOnAtOnceWhenAnAddressRefuses() async throws {
    let target = Target()
    defer { target.close() }
    let report = try await race([Self.refusing, Self.refusing, target.address]) { $0.staggerMilliseconds = 60_000 }
    #expect(report.winner == target.address)
    #expect(report.milliseconds < 30_000)
  }

  @Test func startsTheNextWhenAnAddressIsSlow() async throws {
    let slow = Target(full: true), target = Target()
    defer {
      slow.close()
      target.close()
    }
    let report = try await race([slow.address, target.address]) { $0.staggerMilliseconds = 150 }
    #expect(report.winner == target.address)
    #expect((130..<30_000).contains(report.milliseconds))
  }

  @Test func givesUpWhenTimeIsUp() async throws {
    let slow = Target(full: true)
    defer { slow.close() }
    let before = try connections(to: slow.address)
    let report = try await race([slow.address, slow.address]) {
      $0.timeoutMilliseconds = 200
      $0.staggerMilliseconds = 50
    }
    #expect(report.failure == ConnectFailure(address: slow.address, reason: .timedOut))
    #expect((180..<30_000).contains(report.milliseconds))
    #expect(try connections(to: slow.address) <= before)
  }

  @Test func saysWhyTheLastAddressFailed() async throws {
    #expect(try await race([Self.refusing]).failure == ConnectFailure(address: Self.refusing, reason: .system(ECONNREFUSED)))
    #expect(try await race([]).failure == ConnectFailure(address: nil, reason: .system(EADDRNOTAVAIL)))
    let missing = SocketAddress.unix(path: "/nowhere.sock")
    #expect(try await race([missing]).failure == ConnectFailure(address: missing, reason: .system(ENOENT)))
  }

  @Test func triesNoMoreAddressesThanItsLimit() async throws {
    let target = Target()
    defer { target.close() }
    let report = try await race([Self.refusing, Self.refusing, target.address]) { $0.addressLimit = 2 }
    #expect(report.winner == nil)
    #expect(report.failure?.reason == .system(ECONNREFUSED))
  }

  @Test func losersAreClosed() async throws {
    let slow = Target(full: true), target = Target()
    defer {
      slow.close()
      target.close()
    }
    let before = try connections(to: slow.address)
    for _ in 0..<3 { _ = try await race([slow.address, target.address]) { $0.staggerMilliseconds = 10 } }
    #expect(try connections(to: slow.address) <= before)
  }
}
