// The module `cloudfront` beside its origin helpers: imports, key-value stores, edgeLocation, logCustomData
// (spec/cloudfront-functions.md 10.1, 10.3 and section 16).
import KeyValueStores
import RewriteEngine
import Testing

@Suite struct CloudfrontModuleTests {
  static let storeID = "a1b2c3d4-5678-90ab-cdef-1234567890ab"

  static var store: KeyValueStore {
    var builder = KeyValueStore.Builder(
      .init(id: storeID, created: "2026-01-02T03:04:05Z", modified: "2026-11-21T00:00:00Z"))
    let entries = [("a", "1"), ("json", #"{"to":"/x","n":[1]}"#), ("ü", "€"), ("empty", ""), ("broken", "{")]
    for (key, value) in entries { _ = builder.add(Array(key.utf8).span, Array(value.utf8).span) }
    return builder.finish()
  }

  static func code(_ source: String, store: KeyValueStore? = store) -> FunctionCode {
    FunctionCode(name: "test.js", source: Array(source.utf8), limits: patient, store: store)
  }

  static func isolate(_ source: String, store: KeyValueStore? = store) throws -> Isolate {
    try Isolate(code(source, store: store), on: try #require(ThreadContext()))
  }

  // MARK: Imports

  @Test(arguments: [
    "import cf from 'cloudfront';", "import cf from \"cloudfront\"", "import $ from 'cloudfront'; var cf = $;",
    "// a comment\n/* and\n another */ import cf from 'cloudfront';", "'use strict';\nimport cf from 'cloudfront';",
    "\u{FEFF}import cf from 'cloudfront';", "import\n  cf\nfrom 'cloudfront'", "const cf = require('cloudfront');",
    "import crypto from 'crypto';\nimport cf from 'cloudfront';\nimport qs from 'querystring';\nimport b from 'buffer';",
    "import cloudfront from 'cloudfront'; const cf = cloudfront;",
  ])
  func importForms(_ form: String) throws {
    let isolate = try Self.isolate(
      "\(form)\nconst kvs = cf.kvs('\(Self.storeID)');\nasync function handler(event) { event.request.uri = '/' + await kvs.get('a'); return event.request }")
    for _ in 0..<2 {
      let answer = isolate.answer()
      #expect(answer.uri == "/1", "\(answer.error)")
      #expect(answer.pristine)
    }
  }

  /// An import keeps its lines, so that positions of errors are those of the source.
  @Test func linesStay() throws {
    let isolate = try Self.isolate("import\ncf\nfrom 'cloudfront';\nfunction handler(event) {\n  throw new Error('x') }")
    #expect(isolate.answer().position == "5:13")
  }

  @Test func onlyRuntime2HasIt() throws {
    let old = FunctionCode(name: "old.js", source: Array("var cf = require('cloudfront');".utf8), runtime: .cloudfrontJS10, limits: patient)
    #expect(old.validate().first?.message == "TypeError: the module 'cloudfront' needs cloudfront-js-2.0")
  }

  // MARK: Key-value stores

  /// Each is the body of an async handler whose result is logged.
  static let reads: [(String, String)] = [
    ("return await kvs.get('a')", "1"),
    ("return typeof (await kvs.get('a'))", "string"),
    ("return await kvs.get('a', { format: 'string' }) + await kvs.get('a', {})", "11"),
    ("return (await kvs.get('json', { format: 'json' })).to", "/x"),
    ("return (await kvs.get('a', { format: 'json' })) + 1", "2"),
    ("const b = await kvs.get('ü', { format: 'bytes' }); return Buffer.isBuffer(b) + b.toString('hex')", "truee282ac"),
    ("return await kvs.get('ü')", "€"),
    ("return (await kvs.get('empty')).length", "0"),
    ("return [await kvs.exists('a'), await kvs.exists('b'), await kvs.exists('empty')].join()", "true,false,true"),
    ("return JSON.stringify(await kvs.meta())",
      #"{"creationDateTime":"2026-01-02T03:04:05Z","lastUpdatedDateTime":"2026-11-21T00:00:00Z","keyCount":5}"#),
    ("return await kvs.count()", "5"),
    ("return (await Promise.all([kvs.get('a'), kvs.get('ü')])).join()", "1,€"),
    ("return kvs.get('a').then(v => v + v)", "11"),
    ("return kvs.get('none').catch(e => e.name + ' ' + e.message + ' ' + (e instanceof Error))", "KeyNotFound KeyNotFound true"),
    ("try { await kvs.get('none') } catch (e) { return 'caught ' + e.name }", "caught KeyNotFound"),
    ("try { await kvs.get('a', { format: 'xml' }) } catch (e) { return e.name }", "TypeError"),
    ("try { await kvs.get() } catch (e) { return e.name }", "TypeError"),
    ("try { await kvs.get('broken', { format: 'json' }) } catch (e) { return e.name }", "SyntaxError"),
    ("try { await kvs.get.call({}, 'a') } catch (e) { return e.name }", "TypeError"),
    ("return kvs.get('none').then(() => 'found', () => 'rejected, not thrown')", "rejected, not thrown"),
    ("return await cf.kvs().get('a') + await cf.kvs('\(storeID)').get('a') + await cf.kvs('\(storeID.uppercased())').get('a')", "111"),
    ("try { cf.kvs('00000000-0000-0000-0000-000000000000') } catch (e) { return e.name + ' thrown' }", "KVSNamespaceNotFound thrown"),
    ("try { cf.kvs('arn:aws:cloudfront::1:key-value-store/\(storeID)') } catch (e) { return e.message }", "KVSNamespaceNotFound"),
    ("try { cf.kvs(7) } catch (e) { return e.name }", "TypeError"),
  ]

  @Test(arguments: reads) func read(_ body: String, _ value: String) throws {
    let isolate = try Self.isolate(
      """
      import cf from 'cloudfront';
      const kvs = cf.kvs();
      async function run() { \(body) }
      async function handler(event) { console.log(String(await run())); return event.request }
      """)
    let answer = isolate.answer()
    #expect(answer.log == [value], "\(answer.error)")
    #expect(answer.pristine)
  }

  /// A handle made at the top level belongs to the snapshot; whether there is its store is found out when it is used.
  @Test(arguments: [("cf.kvs()", nil as KeyValueStore?), ("cf.kvs('00000000-0000-0000-0000-000000000000')", store)])
  func aHandleWithoutStore(_ made: String, _ store: KeyValueStore?) throws {
    let isolate = try Self.isolate(
      "import cf from 'cloudfront'; const kvs = \(made); async function handler(event) { try { await kvs.get('a') } catch (e) { console.log(e.name) } return event.request }", store: store)
    #expect(isolate.answer().log == ["KVSNamespaceNotFound"])
    let none = try Self.isolate("import cf from 'cloudfront'; async function handler(event) { await cf.kvs().get('a') }", store: nil)
    let answer = none.answer()
    #expect(answer.invocation.outcome == .executionError)
    #expect(answer.error == "KVSNamespaceNotFound: KVSNamespaceNotFound")
  }

  @Test func readsAreCounted() throws {
    let isolate = try Self.isolate(
      "import cf from 'cloudfront'; async function handler(event) { const k = cf.kvs(); await k.get('a'); await k.exists('b'); await k.meta(); await k.count(); try { await k.get('b') } catch (e) {} if (event.request.uri == '/fail') await k.get('b'); return event.request }")
    var counts = isolate.answer().invocation
    #expect((counts.storeReads, counts.storeReadErrors) == (5, 1))
    counts = isolate.answer(Event(uri: "/fail")).invocation
    #expect((counts.storeReads, counts.storeReadErrors) == (6, 2))
  }

  /// Another store for the next run; the heap knows nothing of the one before.
  @Test func aSwappedStore() throws {
    let isolate = try Self.isolate("import cf from 'cloudfront'; const k = cf.kvs(); async function handler(event) { event.request.uri = await k.get('a'); return event.request }")
    var builder = KeyValueStore.Builder(.init(id: Self.storeID))
    _ = builder.add(Array("a".utf8).span, Array("/other".utf8).span)
    let other = builder.finish()
    isolate.begin(.viewerRequest)
    isolate.use(other)
    #expect(isolate.run(nowMilliseconds: 0).uriChanged)
    #expect(isolate.withURI(string) == "/other")
    isolate.finish()
    #expect(isolate.answer().error == "request.uri must begin with /")
  }

  @Test func topLevelReadsBelongToTheSnapshot() throws {
    let isolate = try Self.isolate(
      "import cf from 'cloudfront'; var map; cf.kvs().get('json', { format: 'json' }).then(m => { map = m }); function handler(event) { event.request.uri = map.to; return event.request }")
    #expect(isolate.answer().uri == "/x")
  }

  /// A value larger than a run may have ends the run, not the worker.
  @Test func valuesCountAsMemory() throws {
    var builder = KeyValueStore.Builder(.init(id: Self.storeID))
    _ = builder.add(Array("big".utf8).span, [UInt8](repeating: 97, count: 3 << 20).span)
    let isolate = try Self.isolate("import cf from 'cloudfront'; async function handler(event) { await cf.kvs().get('big'); return event.request }", store: builder.finish())
    #expect(isolate.answer().invocation.failure == .memoryLimit)
    #expect(isolate.answer().pristine)
  }

  // MARK: The rest

  @Test func edgeLocation() throws {
    let isolate = try Self.isolate("import cf from 'cloudfront'; function handler(event) { console.log(JSON.stringify(cf.edgeLocation)); return event.response || event.request }")
    #expect(isolate.answer().log == ["{}"])
    for (type, log) in [(FunctionEvent.viewerRequest, #"{"name":"SKY","serverIp":"192.0.2.1","region":"local"}"#), (.viewerResponse, "{}")] {
      isolate.begin(type)
      isolate.setEdgeLocation(name: Array("SKY".utf8).span, serverAddress: Array("192.0.2.1".utf8).span, region: Array("local".utf8).span)
      _ = isolate.run(nowMilliseconds: 0)
      var lines: [String] = []
      isolate.forEachLogLine { lines.append(string($0)) }
      #expect(lines == [log])
      isolate.finish()
    }
  }

  static let data: [(call: String, kept: String)] = [
    ("cf.logCustomData('a b')", "a b"), ("cf.logCustomData('one'); cf.logCustomData('two')", "two"), ("cf.logCustomData('')", ""),
    ("cf.logCustomData('x'.repeat(900))", String(repeating: "x", count: 800)),
    ("cf.logCustomData('€'.repeat(100))", String(repeating: "€", count: 88)),   // 9 bytes each when encoded
    ("cf.logCustomData('x'.repeat(799) + ' y')", String(repeating: "x", count: 799)),
    ("cf.logCustomData('kept'); if (event.request.uri == '/index.html') throw new Error('x')", "kept"),
    ("try { cf.logCustomData({}) } catch (e) { cf.logCustomData(e.name) }", "TypeError"),
  ]

  @Test(arguments: data) func logData(_ call: String, _ kept: String) throws {
    let isolate = try Self.isolate("import cf from 'cloudfront'; function handler(event) { if (event.request.uri == '/nothing') return event.request; \(call); return event.request }")
    _ = isolate.answer()
    #expect(isolate.withLogData(string) == kept)
    _ = isolate.answer(Event(uri: "/nothing"))
    #expect(isolate.withLogData(string) == "")
  }

  @Test(arguments: [
    ("cf.distributionTenant.id", "TypeError: distributionTenant module is not available"), ("cf.cwt.validateToken()", "TypeError: cwt is not available in Skerry"),
  ])
  func unavailable(_ expression: String, _ error: String) throws {
    let isolate = try Self.isolate("import cf from 'cloudfront'; function handler(event) { Object.keys(cf); \(expression); return event.request }")
    #expect(isolate.answer().error == error)
  }

  @Test(arguments: ["cf.logCustomData('x')", "cf.updateRequestOrigin({})", "cf.selectRequestOriginById('a')", "cf.createRequestOriginGroup({})"])
  func notAtTheTopLevel(_ call: String) throws {
    let error = try #require(Self.code("import cf from 'cloudfront'; \(call); function handler(event) {}").validate().first)
    #expect(error.message.hasSuffix("can be called while the handler runs only"))
  }
}
