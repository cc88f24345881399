// updateRequestOrigin, selectRequestOriginById, createRequestOriginGroup: what is taken, and what is wrong
// (spec/cloudfront-functions.md 10.2).
import Distribution
import RewriteEngine
import Testing

#if canImport(Glibc)
  import Glibc
#endif

@Suite struct OriginHelperTests {
  /// Runs a handler that makes `call` and returns the request.
  private func choice(_ call: String, _ event: Event = Event()) throws -> (choice: OriginChoice?, outcome: FunctionOutcome, error: String) {
    let isolate = try makeIsolate("import cf from 'cloudfront'; function handler(event) { \(call); return event.response || event.request }")
    isolate.begin(event.type)
    for (name, value) in event.headers { isolate.addRequestHeader(Array(name.utf8).span, Array(value.utf8).span) }
    let run = isolate.run(nowMilliseconds: 0)
    let result = (isolate.originChoice, run.outcome, isolate.withErrorText(string))
    #expect(run.hasOriginChoice == (result.0 != nil))
    isolate.finish()
    #expect(isolate.isPristine)
    return result
  }

  private func update(_ change: (inout OriginUpdate) -> Void) -> OriginChoice {
    var update = OriginUpdate()
    change(&update)
    return .update(update)
  }

  @Test func nothingChosen() throws { #expect(try choice("").choice == nil) }

  @Test func everyParameterOfAnUpdate() throws {
    let all = try choice("""
      cf.updateRequestOrigin({
        domainName: 'example.com', hostHeader: 'www.example.com', originPath: '/v2/%20', customHeaders: { 'x-a': '1', 'x-b': '' },
        connectionAttempts: 2, originShield: { enabled: true, region: 'us-east-1' },
        originAccessControlConfig: { enabled: true, region: 'eu-west-1', signingBehavior: 'always', signingProtocol: 'sigv4', originType: 's3' },
        timeouts: { readTimeout: 20, responseCompletionTimeout: 60, keepAliveTimeout: 30, connectionTimeout: 5 },
        customOriginConfig: { port: 8443, protocol: 'https', sslProtocols: ['TLSv1.1', 'TLSv1.2'], ipAddressType: 'ipv6' },
        sni: 'sni.example.com', allowedCertificateNames: ['*.example.com', 'example.com'], mTLSConfig: 'off', unknown: 1
      })
      """)
    #expect(all.error == "")
    #expect(all.choice == update {
      $0.domainName = "example.com"
      $0.hostHeader = "www.example.com"
      $0.originPath = "/v2/%20"
      $0.customHeaders = [HeaderField(name: "x-a", value: "1"), HeaderField(name: "x-b", value: "")]
      $0.connectionAttempts = 2
      $0.readTimeoutSeconds = 20
      $0.responseCompletionTimeoutSeconds = 60
      $0.keepAliveTimeoutSeconds = 30
      $0.connectionTimeoutSeconds = 5
      $0.endpoint = .init(port: 8443, isHTTPS: true, tlsVersions: ["TLSv1.1", "TLSv1.2"])
      $0.addressFamily = .ipv6
      $0.serverName = "sni.example.com"
      $0.allowedCertificateNames = ["*.example.com", "example.com"]
    })
  }

  @Test func smallUpdates() throws {
    #expect(try choice("cf.updateRequestOrigin({})").choice == update { _ in })
    #expect(try choice("cf.updateRequestOrigin({ customHeaders: {}, originPath: '', allowedCertificateNames: [] })").choice == update { $0.customHeaders = []; $0.originPath = "" })
    #expect(try choice("cf.updateRequestOrigin({ customHeaders: { constructor: 'v' } })").choice == update { $0.customHeaders = [HeaderField(name: "constructor", value: "v")] })
    #expect(try choice("cf.updateRequestOrigin({ domainName: 'a.b' }); cf.updateRequestOrigin({ hostHeader: 'c' })").choice == update { $0.hostHeader = "c" })
    #expect(try choice("cf.selectRequestOriginById('x'); cf.updateRequestOrigin({ originPath: undefined, originAccessControlConfig: { enabled: false } })").choice == update { _ in })
  }

  @Test func selections() throws {
    #expect(try choice("cf.selectRequestOriginById('app')").choice == .select(OriginSelection(id: "app")))
    #expect(try choice("cf.selectRequestOriginById('my origin', { hostHeader: 'h', sni: 's', allowedCertificateNames: ['c'] })").choice
      == .select(OriginSelection(id: "my origin", hostHeader: "h", serverName: "s", allowedCertificateNames: ["c"])))
  }

  @Test func groups() throws {
    let group = try choice("""
      cf.createRequestOriginGroup({
        originIds: [{ originId: 'a', originOverrides: { hostHeader: 'h' } }, { originId: 'b' }],
        failoverCriteria: { statusCodes: [500, 404] }, selectionCriteria: 'media-quality-score' })
      """)
    #expect(group.choice == .group(OriginSelection(id: "a", hostHeader: "h"), OriginSelection(id: "b"), statusCodes: [500, 404]))
    #expect(try choice("cf.createRequestOriginGroup({ originIds: ['a', 'b'], failoverCriteria: { statusCodes: [503] } })").choice
      == .group(OriginSelection(id: "a"), OriginSelection(id: "b"), statusCodes: [503]))
  }

  // MARK: What is wrong

  static let dnsName = "must be a DNS name of at most 253 characters, without port, and no IP address"
  static let aList = "must be two ids of origins, each a string or {originId, originOverrides}"
  static let customConfig = "customOriginConfig: { port: 80, protocol: 'http', sslProtocols: ['TLSv1.2'] }"

  /// Parameters of updateRequestOrigin and what is said of them.
  static let wrongUpdates: [(String, String)] = [
    ("5", "the parameter must be an object"), ("['a']", "the parameter must be an object"), ("null", "the parameter must be an object"), ("", "the parameter must be an object"),
    ("{ domainName: 5 }", "domainName must be a string"), ("{ domainName: null }", "domainName must be a string"),
    ("{ domainName: 'a:80' }", "domainName " + dnsName), ("{ domainName: '127.0.0.1' }", "domainName " + dnsName),
    ("{ domainName: '::1' }", "domainName " + dnsName), ("{ domainName: '[::1]' }", "domainName " + dnsName), ("{ domainName: '2130706433' }", "domainName " + dnsName),
    ("{ domainName: '127.1' }", "domainName " + dnsName), ("{ domainName: '0x7f.0.0.0x1' }", "domainName " + dnsName), ("{ domainName: '127.0.0.1.' }", "domainName " + dnsName),
    ("{ domainName: '' }", "domainName " + dnsName), ("{ domainName: 'a..b' }", "domainName " + dnsName), ("{ domainName: 'a/b' }", "domainName " + dnsName),
    ("{ domainName: 'a\\r\\nb' }", "domainName " + dnsName), ("{ domainName: 'a\\u0000.b' }", "domainName " + dnsName), ("{ domainName: 'http://a' }", "domainName " + dnsName),
    ("{ domainName: 'a.'.repeat(127) + 'b' }", "domainName " + dnsName), ("{ domainName: 'a'.repeat(64) }", "domainName " + dnsName), ("{ domainName: 'ü.de' }", "domainName " + dnsName),
    ("{ hostHeader: '10.0.0.1' }", "hostHeader " + dnsName), ("{ hostHeader: 'a:8080' }", "hostHeader " + dnsName), ("{ sni: '1.2.3.4' }", "sni " + dnsName),
    ("{ originPath: 'a' }", "originPath must begin but not end with /, be URL-encoded and have at most 255 characters"),
    ("{ originPath: '/' }", "originPath must begin but not end with /, be URL-encoded and have at most 255 characters"),
    ("{ originPath: '/a b' }", "originPath must begin but not end with /, be URL-encoded and have at most 255 characters"),
    ("{ originPath: '/a?b' }", "originPath must begin but not end with /, be URL-encoded and have at most 255 characters"),
    ("{ originPath: '/' + 'a'.repeat(255) }", "originPath must begin but not end with /, be URL-encoded and have at most 255 characters"),
    ("{ customHeaders: 'a' }", "customHeaders must be an object"), ("{ customHeaders: [] }", "customHeaders must be an object"),
    ("{ customHeaders: { 'X-A': '1' } }", "customHeaders.X-A must be the lower-case name of a header that origins may be sent"),
    ("{ customHeaders: { host: 'a' } }", "customHeaders.host must be the lower-case name of a header that origins may be sent"),
    ("{ customHeaders: { 'x-amz-date': 'a' } }", "customHeaders.x-amz-date must be the lower-case name of a header that origins may be sent"),
    ("{ customHeaders: { 'x-edge-x': 'a' } }", "customHeaders.x-edge-x must be the lower-case name of a header that origins may be sent"),
    ("{ customHeaders: { 'if-match': 'a' } }", "customHeaders.if-match must be the lower-case name of a header that origins may be sent"),
    ("{ customHeaders: { 'x-forwarded-for': 'a' } }", "customHeaders.x-forwarded-for must be the lower-case name of a header that origins may be sent"),
    ("{ customHeaders: { 'a b': 'a' } }", "customHeaders.a b must be the lower-case name of a header that origins may be sent"),
    ("{ customHeaders: { ['\\ud800'.repeat(8)]: 'x' } }",
      "customHeaders.\(String(repeating: "\u{FFFD}", count: 8)) must be the lower-case name of a header that origins may be sent"),
    ("{ customHeaders: { ['é'.repeat(51)]: 'x' } }", "customHeaders.\(String(repeating: "é", count: 50)) must be the lower-case name of a header that origins may be sent"),
    ("{ customHeaders: { ['x' + 'é'.repeat(51)]: 'x' } }", "customHeaders.x\(String(repeating: "é", count: 49)) must be the lower-case name of a header that origins may be sent"),
    ("{ customHeaders: { 'x-a': { value: '1' } } }", "customHeaders.x-a must be a string"),
    ("{ customHeaders: { 'x-a': 'a\\r\\nb: c' } }", "customHeaders.x-a must be a header value of at most 1783 bytes"),
    ("{ customHeaders: { 'x-a': 'a'.repeat(1784) } }", "customHeaders.x-a must be a header value of at most 1783 bytes"),
    ("{ customHeaders: Object.fromEntries(Array.from({ length: 31 }, (_, i) => ['x-' + i, ''])) }", "customHeaders must be at most 30"),
    ("{ customHeaders: Object.fromEntries(Array.from({ length: 7 }, (_, i) => ['x-' + i, 'a'.repeat(1700)])) }", "customHeaders must have at most 10240 bytes in all"),
    ("{ customHeaders: { accept: 'a' } }", "customHeaders must not name a header of the request"),
    ("{ connectionAttempts: 0 }", "connectionAttempts must be a whole number from 1 to 3"), ("{ connectionAttempts: 4 }", "connectionAttempts must be a whole number from 1 to 3"),
    ("{ connectionAttempts: 1.5 }", "connectionAttempts must be a whole number from 1 to 3"), ("{ connectionAttempts: '1' }", "connectionAttempts must be a whole number from 1 to 3"),
    ("{ connectionAttempts: NaN }", "connectionAttempts must be a whole number from 1 to 3"),
    ("{ timeouts: 5 }", "timeouts must be an object"), ("{ timeouts: { readTimeout: 121 } }", "timeouts.readTimeout must be a whole number from 1 to 120"),
    ("{ timeouts: { keepAliveTimeout: 0 } }", "timeouts.keepAliveTimeout must be a whole number from 1 to 120"),
    ("{ timeouts: { connectionTimeout: 11 } }", "timeouts.connectionTimeout must be a whole number from 1 to 10"),
    ("{ timeouts: { readTimeout: 20, responseCompletionTimeout: 19 } }", "timeouts.responseCompletionTimeout must not be shorter than readTimeout"),
    ("{ customOriginConfig: {} }", "customOriginConfig.protocol must be one of: http https"),
    ("{ customOriginConfig: { protocol: 'http', sslProtocols: ['TLSv1.2'] } }", "customOriginConfig.port must be given: 80, 443 or from 1024 to 65535"),
    ("{ customOriginConfig: { port: 22, protocol: 'http', sslProtocols: ['TLSv1.2'] } }", "customOriginConfig.port must be given: 80, 443 or from 1024 to 65535"),
    ("{ customOriginConfig: { port: 65536, protocol: 'http', sslProtocols: ['TLSv1.2'] } }", "customOriginConfig.port must be a whole number from 1 to 65535"),
    ("{ customOriginConfig: { port: 80, protocol: 'match-viewer', sslProtocols: ['TLSv1.2'] } }", "customOriginConfig.protocol must be one of: http https"),
    ("{ customOriginConfig: { port: 80, protocol: 'http' } }", "customOriginConfig.sslProtocols must be given, with port and protocol"),
    ("{ customOriginConfig: { port: 80, protocol: 'http', sslProtocols: [] } }", "customOriginConfig.sslProtocols must have 1 to 4 members"),
    ("{ customOriginConfig: { port: 80, protocol: 'http', sslProtocols: ['TLSv1.3'] } }", "customOriginConfig.sslProtocols must be of: SSLv3 TLSv1 TLSv1.1 TLSv1.2"),
    ("{ customOriginConfig: { port: 80, protocol: 'http', sslProtocols: ['TLSv1'], ipAddressType: 'ipv4' } }", "customOriginConfig.ipAddressType must come with domainName"),
    ("{ domainName: 'a', customOriginConfig: { port: 80, protocol: 'http', sslProtocols: ['TLSv1'], ipAddressType: 'ipv5' } }", "customOriginConfig.ipAddressType must be one of: ipv4 ipv6 dualstack"),
    ("{ allowedCertificateNames: 'a' }", "allowedCertificateNames must be an array"),
    ("{ allowedCertificateNames: Array(21).fill('a') }", "allowedCertificateNames must have 0 to 20 members"),
    ("{ allowedCertificateNames: ['a.*.b'] }", "allowedCertificateNames must be DNS names of at most 64 characters, which may begin with *."),
    ("{ allowedCertificateNames: ['a'.repeat(65)] }", "allowedCertificateNames must be DNS names of at most 64 characters, which may begin with *."),
    ("{ originShield: { enabled: true } }", "originShield.region must be given when enabled is true"), ("{ originShield: {} }", "originShield.enabled must be true or false"),
    ("{ originAccessControlConfig: { enabled: true } }", "originAccessControlConfig.signingBehavior must be one of: always never no-override"),
    ("{ originAccessControlConfig: { enabled: 'yes' } }", "originAccessControlConfig.enabled must be true or false"),
    ("{ originAccessControlConfig: { enabled: true, signingBehavior: 'always', signingProtocol: 'sigv2', originType: 's3' } }", "originAccessControlConfig.signingProtocol must be one of: sigv4"),
    ("{ originAccessControlConfig: { enabled: true, signingBehavior: 'always', signingProtocol: 'sigv4', originType: 'ec2' } }", "originAccessControlConfig.originType must be one of: s3 mediapackagev2 mediastore lambda"),
    ("{ mTLSConfig: 'on' }", "mTLSConfig must be one of: off"),
  ]

  @Test(arguments: wrongUpdates) func wrongUpdate(_ parameters: String, _ error: String) throws {
    // What the function catches or does next changes nothing.
    let run = try choice("try { cf.updateRequestOrigin(\(parameters)) } catch (e) { throw new Error('thrown, not noted') }; \(error.hasSuffix("of the request") ? "" : "cf.updateRequestOrigin({})")",
      Event(headers: [("Accept", "*/*")]))
    #expect(run.outcome == .validationError)
    #expect(run.error == "updateRequestOrigin: " + error)
    #expect(run.choice == nil)
  }

  static let wrongCalls: [(String, String)] = [
    ("cf.selectRequestOriginById()", "selectRequestOriginById: originId must be a string"), ("cf.selectRequestOriginById('')", "selectRequestOriginById: originId must be the id of an origin"),
    ("cf.selectRequestOriginById('a', 5)", "selectRequestOriginById: the parameter must be an object"),
    ("cf.selectRequestOriginById('a', { hostHeader: '127.0.0.1' })", "selectRequestOriginById: hostHeader " + dnsName),
    ("cf.createRequestOriginGroup()", "createRequestOriginGroup: the parameter must be an object"),
    ("cf.createRequestOriginGroup({})", "createRequestOriginGroup: originIds must be two ids of origins"),
    ("cf.createRequestOriginGroup({ originIds: ['a'] })", "createRequestOriginGroup: originIds must be two ids of origins"),
    ("cf.createRequestOriginGroup({ originIds: ['a', 'b', 'c'] })", "createRequestOriginGroup: originIds must have 1 to 2 members"),
    ("cf.createRequestOriginGroup({ originIds: ['a', 5] })", "createRequestOriginGroup: originIds " + aList), ("cf.createRequestOriginGroup({ originIds: ['a', {}] })", "createRequestOriginGroup: originIds " + aList),
    ("cf.createRequestOriginGroup({ originIds: [{ originId: 'a', originOverrides: { sni: 'a:1' } }, 'b'] })", "createRequestOriginGroup: originOverrides.sni " + dnsName),
    ("cf.createRequestOriginGroup({ originIds: ['a', { originId: 'a', originOverrides: { sni: 's' } }], failoverCriteria: { statusCodes: [500] } })", "createRequestOriginGroup: originIds must be ids of two different origins"),
    ("cf.createRequestOriginGroup({ originIds: ['a', 'b'] })", "createRequestOriginGroup: failoverCriteria must be given"),
    ("cf.createRequestOriginGroup({ originIds: ['a', 'b'], failoverCriteria: {} })", "createRequestOriginGroup: failoverCriteria.statusCodes must be given"),
    ("cf.createRequestOriginGroup({ originIds: ['a', 'b'], failoverCriteria: { statusCodes: [] } })", "createRequestOriginGroup: failoverCriteria.statusCodes must have 1 to 9 members"),
    ("cf.createRequestOriginGroup({ originIds: ['a', 'b'], failoverCriteria: { statusCodes: [418] } })", "createRequestOriginGroup: failoverCriteria.statusCodes must be of: 400 403 404 416 429 500 502 503 504"),
    ("cf.createRequestOriginGroup({ originIds: ['a', 'b'], failoverCriteria: { statusCodes: ['500'] } })", "createRequestOriginGroup: failoverCriteria.statusCodes must be of: 400 403 404 416 429 500 502 503 504"),
    ("cf.createRequestOriginGroup({ originIds: ['a', 'b'], failoverCriteria: { statusCodes: [500] }, selectionCriteria: 'best' })", "createRequestOriginGroup: selectionCriteria must be one of: default media-quality-score media-quality-based"),
    ("cf.updateRequestOrigin({ mTLSConfig: 1 }); cf.selectRequestOriginById('')", "updateRequestOrigin: mTLSConfig must be one of: off"),
    ("cf.selectRequestOriginById(''); return { statusCode: 200 }", "selectRequestOriginById: originId must be the id of an origin"),
  ]

  @Test(arguments: wrongCalls) func wrongCall(_ call: String, _ error: String) throws {
    let run = try choice(call)
    #expect(run.outcome == .validationError)
    #expect(run.error == error)
  }

  @Test func viewerRequestOnly() throws {
    let run = try choice("cf.updateRequestOrigin({})", Event(type: .viewerResponse))
    #expect(run.outcome == .validationError)
    #expect(run.error == "updateRequestOrigin: the call belongs into a viewer-request function")
  }

  /// Getters run user code in the middle of a call: what they throw is thrown, what they take away is not missed.
  @Test func gettersOfParameters() throws {
    let thrown = try choice("cf.updateRequestOrigin({ get domainName() { throw new RangeError('mine') } })")
    #expect(thrown.outcome == .executionError && thrown.error == "RangeError: mine")
    let changed = try choice("const p = { domainName: 'a.b', get originPath() { p.domainName = 'c.d'; return '/x' }, get hostHeader() { cf.updateRequestOrigin({ sni: 'other' }); return 'h' } }; cf.updateRequestOrigin(p)")
    #expect(changed.choice == update { $0.domainName = "a.b"; $0.originPath = "/x"; $0.hostHeader = "h" })
  }

  /// A getter runs when the result is read: a wrong call counts there too.
  @Test(arguments: [
    "event.request.headers = { host: { value: 'example.com' }, get 'x-a'() { cf.updateRequestOrigin(5); return { value: '1' } } }",
    "cf.updateRequestOrigin({ customHeaders: { b: 'c' } }); event.request.headers = new Proxy(event.request.headers, { getOwnPropertyDescriptor(t, k) { if (k == 'b') cf.updateRequestOrigin(5); return Reflect.getOwnPropertyDescriptor(t, k) } })",
    "return { statusCode: 200, get body() { cf.updateRequestOrigin(5); return '' } }",
  ])
  func wrongCallsInGettersOfTheResult(_ call: String) throws {
    let run = try choice(call, Event())
    #expect(run.outcome == .validationError)
    #expect(run.error == "updateRequestOrigin: the parameter must be an object")
    #expect(run.choice == nil)
  }

  /// An error shows a name and nothing that lies behind it. Here its text, of which a lone surrogate makes a copy, ends where the
  /// heap does: a byte more is the guard page's. 80 bytes and the engine's own 8 are a block's whole room.
  @Test func namesInErrorsEndWithTheHeap() async {
    await #expect(processExitsWith: .success) {
      let isolate = try makeIsolate(
        """
        import cf from 'cloudfront';
        var name = '\\ud800' + 'a'.repeat(77), kept = [], blocks, rest;
        function handler(event) {
          [blocks, rest] = event.request.uri.slice(1).split(',').map(Number);
          for (var i = 0; i < 7; i++) kept.push(new Uint8Array(262136));
          for (i = 0; i < blocks; i++) kept.push(new Uint8Array(1000));
          for (i = 0; i < 40; i++) kept.push(new Uint8Array(80));  // what is free of that size is taken
          kept.push(new Uint8Array(Math.min(rest, 1000)), new Uint8Array(Math.max(rest - 1000, 0)));
          cf.updateRequestOrigin({customHeaders: {[name]: 'x'}});
          return event.request
        }
        """)
      func failure(_ blocks: Int, _ rest: Int) -> FunctionFailure? { isolate.answer(Event(uri: "/\(blocks),\(rest)")).invocation.failure }
      guard failure(0, 0) == .invalidResult, let full = (1..<400).first(where: { failure($0, 0) == .memoryLimit }) else { exit(2) }
      for blocks in full - 4...full {
        for rest in stride(from: 0, to: 2000, by: 8) {
          guard let failure = failure(blocks, rest), failure == .invalidResult || failure == .memoryLimit else { exit(3) }
        }
      }
    }
  }

  /// An answer of the function's own goes nowhere; a choice is the present run's alone.
  @Test func choicesEndWithTheirRun() throws {
    let isolate = try makeIsolate("import cf from 'cloudfront'; function handler(event) { if (event.request.uri == '/b') return event.request; cf.selectRequestOriginById('x'); return event.request.uri == '/r' ? { statusCode: 200 } : event.request }")
    for (uri, chosen) in [("/a", true), ("/b", false), ("/a", true), ("/r", false), ("/b", false)] {
      #expect(isolate.answer(Event(uri: uri)).invocation.hasOriginChoice == chosen)
    }
  }
}
