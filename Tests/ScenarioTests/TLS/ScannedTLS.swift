// What testssl.sh finds at a listener: nothing worse than "low" but what a local authority cannot have, the world's trust.
import Foundation
import Testing

extension Scenarios {
  @Suite struct ScannedTLS {
    private struct Finding: Decodable { let id, severity, finding: String }
    private static let isInstalled = (try? Tool.shell("command -v testssl").exit) == .status(0)

    /// Known by nobody else: no store trusts it, and it has no address for revocation.
    private static let localAuthority: Set<String> = ["cert_chain_of_trust", "cert_revocation", "cert_crlDistributionPoints", "cert_ocspURL"]

    @Test(.enabled(if: isInstalled, "testssl.sh cannot be installed here; `make test` tries (Debian: apt-get install testssl.sh)"))
    func nothingWorseThanLow() throws {
      let certificates = try TestCertificates.common(), origin = try ScriptedOrigin { try $0.answerAll { _ in ok("x") } }
      let skerry = try Skerry.secured(before: origin.url, certificates)
      let report = skerry.folder.appendingPathComponent("report.json").path
      // Protocols, ciphers, forward secrecy, preferences, certificates, known attacks. A listener on loopback need not be waited for long.
      let scan = try Tool.shell(
        """
        export HEADER_MAXSLEEP=1 MAX_WAITSOCK=3 CCS_MAX_WAITSOCK=2 HEARTBLEED_MAX_WAITSOCK=3
        exec testssl --quiet --color 0 --warnings batch --nodns none --ip 127.0.0.1 -p -s -f -P -S -U --jsonfile "$1" localhost:$2
        """, [report, String(skerry.port)], by: .after(.seconds(500)))
      let findings = try JSONDecoder().decode([Finding].self, from: Data(contentsOf: URL(fileURLWithPath: report)))
      #expect(findings.contains { $0.id == "TLS1_3" && $0.severity == "OK" }, "\(scan.text)")
      for finding in findings where ["MEDIUM", "HIGH", "CRITICAL", "FATAL"].contains(finding.severity) {
        #expect(Self.localAuthority.contains { finding.id.hasPrefix($0) }, "\(finding)")
      }
      #expect(try Tool.curl(certificates, ["https://localhost:\(skerry.port)/"]).text == "x")
    }
  }
}
