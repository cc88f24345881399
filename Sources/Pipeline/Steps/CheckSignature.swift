// Step 5: signed URLs and signed cookies (spec/request-pipeline.md, 16). What says so is taken out of the request, whether it is let in or not:
// neither functions nor origins see it, and it is no part of a cache key.
import Distribution
import HTTPWire
import Telemetry
import TLS
import Transport

extension Worker {
  /// A request without the signature that its behavior asks for: 403, in CloudFront's XML.
  func checkSignature(_ exchange: inout Exchange) -> Response? {
    guard let keys = exchange.behavior.trustedKeys else { return nil }
    let parameters = takeSignature(&exchange)
    let query = exchange.request.hasQuery ? exchange.request.query.copied : nil
    let url = SignedURL(isSecure: exchange.isSecure, host: exchange.request.authority.copied, path: exchange.request.path.copied, query: query)
    let address = exchange.clientAddress.ipv4
    do throws(SignatureRefusal) {
      try parameters.check(url, from: address, at: loop.wallSeconds, keys) { isGood($0, of: $1, $2, $3) }
      return nil
    } catch { return refuse(&exchange, error) }
  }

  /// The parameters of the URL or, where it has none, of the cookies.
  private func takeSignature(_ exchange: inout Exchange) -> SignatureParameters {
    var query = exchange.request.hasQuery ? exchange.request.query.copied : nil
    let inURL = SignatureParameters(takingFrom: &query)
    if inURL != SignatureParameters() {
      let path = exchange.request.path.copied
      exchange.request.setTarget(path: path, query: query)
    }
    let inCookies = exchange.request.fields.has(.cookie) ? takeCookies(&exchange.request.fields) : SignatureParameters()
    return inURL.isEmpty ? inCookies : inURL
  }

  private func takeCookies(_ fields: inout HeaderSection) -> SignatureParameters {
    var cookies: [UInt8] = []
    for i in 0..<fields.count where fields[i].name == .cookie {
      if !cookies.isEmpty { cookies.append(UInt8(ascii: ";")) }
      cookies += fields.value(i).copied
    }
    let parameters = SignatureParameters(takingFrom: &cookies)
    guard parameters != SignatureParameters() else { return parameters }
    fields.drop(.cookie)
    if !cookies.isEmpty { fields.append(Array("Cookie".utf8).span, cookies.span) }
    return parameters
  }

  private func isGood(_ signature: [UInt8], of message: [UInt8], _ digest: SignatureDigest, _ key: PublicKey) -> Bool {
    if verifiedSignatures.has(signature, message, digest, key) {
      counters.add(.signatureRemembered)
      return true
    }
    guard key.verifies(signature, of: message, digest) else { return false }
    counters.add(.signatureVerified)
    if verifiedSignatures.remember(signature, message, digest, key) { counters.add(.limitVerifiedSignatures) }
    return true
  }

  private func refuse(_ exchange: inout Exchange, _ refusal: SignatureRefusal) -> Response {
    counters.add(refusal.counter)
    exchange.result = .error
    exchange.failure = refusal.message
    var page = ByteBuffer(capacity: 192)
    page.append(text: refusal.page)
    return Response(status: 403, contentType: "text/xml", body: page)
  }
}

extension SignatureRefusal {
  /// What is counted.
  fileprivate var counter: Counter {
    switch self {
    case .missingKey: .refusedSignatureMissing
    case .unknownKey: .refusedSignatureKey
    case .malformedPolicy: .refusedSignaturePolicy
    case .accessDenied: .refusedSignature
    }
  }
}

extension SocketAddress {
  /// As a number, when it is an IPv4 address, be it as an IPv6 one (RFC 4291, 2.5.5.2).
  var ipv4: UInt32? { if case .ipv4(let address, _) = unmapped { address } else { nil } }
}
