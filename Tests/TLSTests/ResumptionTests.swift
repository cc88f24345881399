// Sessions: which tickets a server believes, and which a client still shows.
import Foundation
import Testing

@testable import TLS

@Suite struct ResumptionTests {
  private static let versions: [TLSVersion] = [.tls12, .tls13]

  /// A handshake, and whether it resumed a session.
  private func resumes(_ server: TLSServer, _ client: TLSClient) throws -> Bool {
    let pair = try Pair(server, client)
    try pair.shake()
    #expect(pair.server.isResumed == pair.client.isResumed)
    #expect(pair.client.sayGoodbye())   // OpenSSL resumes no session whose connection broke off
    return pair.server.isResumed
  }

  /// Listeners and workers share keys: whoever has them opens a ticket, through one renewal of the keys and not through two.
  @Test(arguments: versions, [(0, true), (1, true), (2, false), (5, false)])
  func ticketsOutliveOneRotation(_ version: TLSVersion, _ rotations: (count: Int, resumed: Bool)) throws {
    let certificates = try MadeCertificates.common(), tickets = TicketKeys()
    let sealing = try certificates.server("localhost", tickets), opening = try certificates.server("localhost", tickets)
    let client = try certificates.client(version ... version)
    #expect(try !resumes(sealing, client))
    for _ in 0..<rotations.count { tickets?.rotate() }
    #expect(try resumes(opening, client) == rotations.resumed)
  }

  /// Who comes back within a rotation has its ticket replaced, and may go on so.
  @Test(arguments: versions)
  func ticketsAreRenewed(_ version: TLSVersion) throws {
    let certificates = try MadeCertificates.common(), tickets = TicketKeys()
    let server = try certificates.server("localhost", tickets), client = try certificates.client(version ... version)
    #expect(try !resumes(server, client))
    for _ in 0..<4 {
      tickets?.rotate()
      #expect(try resumes(server, client))
    }
  }

  /// In TLS 1.3 a ticket is for one connection (RFC 8446, C.4): whoever resumes gets another, whatever the keys' age.
  @Test func whoResumesGetsANewTicket() throws {
    let certificates = try MadeCertificates.common(), tickets = TicketKeys()
    let server = try certificates.server("localhost", tickets), client = try certificates.client(.tls13 ... .tls13)
    #expect(try !resumes(server, client))
    for _ in 0..<3 {
      let shown = try #require(client.session(with: "localhost", at: 0))
      #expect(try resumes(server, client))
      #expect(client.session(with: "localhost", at: 0) !== shown)
    }
  }

  @Test(arguments: versions)
  func ticketsOfOthersAreNone(_ version: TLSVersion) throws {
    let certificates = try MadeCertificates.common(), tickets = TicketKeys()
    let client = try certificates.client(version ... version)
    #expect(try !resumes(try certificates.server("localhost", tickets), client))
    #expect(try !resumes(try certificates.server("localhost", TicketKeys()), client))
    #expect(try !resumes(try certificates.server("localhost", tickets) { $0.scope = "another listener" }, client))
  }

  /// A client shows no ticket past its lifetime (RFC 8446, 4.6.1), and forgets it then.
  @Test(arguments: versions)
  func sessionsEndWithTheirTicket(_ version: TLSVersion) throws {
    let certificates = try MadeCertificates.common()
    let server = try certificates.server(), client = try certificates.client(version ... version)
    #expect(try !resumes(server, client))
    let lifetime = Int(TicketKeys.rotationSeconds)
    #expect(client.session(with: "localhost", at: now) != nil)
    #expect(client.session(with: "localhost", at: now + lifetime - 10) != nil)
    #expect(client.session(with: "localhost", at: now + lifetime + 10) == nil)
    #expect(client.session(with: "localhost", at: now) == nil)
    #expect(try !resumes(server, client))
    #expect(try resumes(server, client))
  }

  /// Nor one past the server's certificate, which is not shown again on resumption.
  @Test(arguments: versions)
  func sessionsEndWithTheCertificate(_ version: TLSVersion) throws {
    let certificates = try MadeCertificates.common(), name = "brief-\(version.rawValue)"
    try certificates.shell(
      """
      mkdir \(name).d
      printf '[ca]\\ndefault_ca=x\\n[x]\\ndatabase=%s/signed\\nserial=%s/serial\\nnew_certs_dir=%s\\ndefault_md=sha256\\npolicy=p\\n[p]\\ncommonName=supplied\\n' \(name).d \(name).d \(name).d > \(name).cnf
      : > \(name).d/signed; echo 01 > \(name).d/serial
      openssl ecparam -name prime256v1 -genkey -noout -out \(name).key
      openssl req -new -key \(name).key -subj /CN=localhost -out \(name).csr
      openssl ca -config \(name).cnf -batch -notext -cert ca.pem -keyfile ca.key -in \(name).csr -enddate $(date -u -d '+20 minutes' +%Y%m%d%H%M%SZ) -out \(name).pem
      """)
    let server = try certificates.server(name), client = try certificates.client(version ... version)
    #expect(try !resumes(server, client))
    #expect(client.session(with: "localhost", at: now + 19 * 60) != nil)
    #expect(client.session(with: "localhost", at: now + 21 * 60) == nil)
  }

  /// A server that is not who it should be leaves nothing to resume.
  @Test func whatIsForgottenIsNotResumed() throws {
    let certificates = try MadeCertificates.common()
    let server = try certificates.server(), client = try certificates.client()
    #expect(try !resumes(server, client))
    client.forget("localhost")
    #expect(try !resumes(server, client))
  }
}
