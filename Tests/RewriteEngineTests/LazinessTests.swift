// Properties that are filled on first access must not be told from ordinary ones: each snippet sees the lazy event
// and an eager copy of it, and has to give the same.
import RewriteEngine
import Testing

@Suite struct LazinessTests {
  static let snippets = [
    "Object.keys(r.headers)",
    "({...r.headers})",
    "Object.entries(r.headers)",
    "Object.values(r.querystring)",
    "Reflect.ownKeys(r.cookies)",
    "(() => { var o = []; for (var k in r.headers) o.push(k, r.headers[k].value); return o })()",
    "(delete r.headers.accept, r)",
    "(delete r.headers.accept, r.headers.accept = {value: 'again'}, r.headers)",
    "(delete r.headers, r)",
    "[Object.isFrozen(r.headers), Object.isFrozen(Object.freeze(r.headers)), r.headers]",
    "(Object.freeze(r), (() => { try { r.uri = 'x' } catch (e) { return e.name + r.uri } })())",
    "(Object.seal(r.headers), (() => { try { delete r.headers.host } catch (e) { return e.name } })())",
    "(Object.preventExtensions(r.headers), (() => { try { r.headers.n = 1 } catch (e) { return e.name } })())",
    "Object.getOwnPropertyDescriptor(r.headers, 'host')",
    "Object.getOwnPropertyDescriptors(r.headers)",
    "Object.getOwnPropertyDescriptor(r, 'uri')",
    "['host' in r.headers, r.headers.hasOwnProperty('host'), 'nope' in r.headers, r.propertyIsEnumerable('uri')]",
    "Object.assign({}, r.headers, r.cookies)",
    "(({host, ...rest}) => [host, rest])(r.headers)",
    "(Object.defineProperty(r.headers, 'host', {value: {value: 'x'}}), r.headers)",
    "(Object.defineProperty(r.headers, 'host', {get() { return {value: 'got'} }}), r.headers.host)",
    "(Object.defineProperty(r.headers, 'host', {enumerable: false}), Object.keys(r.headers))",
    "(Object.defineProperty(r.headers, 'host', {writable: false}), (() => { try { r.headers.host = 1 } catch (e) { return e.name + r.headers.host.value } })())",
    "(r.headers.host = 5, r.headers.accept.value += '!', r.headers)",
    "Object.fromEntries(Object.entries(r.headers).filter(([k]) => k != 'host'))",
    "[r.headers.__proto__ === Object.prototype, Object.create(r.headers).host, Object.getPrototypeOf(r.headers.host) === Object.prototype]",
    "new Proxy(r.headers, {}).host",
    "(Object.setPrototypeOf(r.headers, {z: 1}), [r.headers.z, r.headers.host])",
    "[r.headers === r.headers, r.headers.host === r.headers.host, r.querystring.a.multiValue === r.querystring.a.multiValue]",
    "Reflect.set(r, 'uri', '/y') && r.uri",
    "Object.entries(r).map(([k, v]) => k + typeof v)",
    "JSON.parse(JSON.stringify(r), (k, v) => k === 'value' ? v + '!' : v)",
    "[r.uri, r.uri?.length, `${r.method}`]",
    "Array.from(Object.keys(r.querystring), k => r.querystring[k])",
  ]

  @Test(arguments: snippets) func sameAsEager(_ snippet: String) throws {
    let isolate = try makeIsolate(
      """
      function handler(event) {
        var r = event.request;
        if (event.context.requestId === 'eager') r = JSON.parse(JSON.stringify(r));
        console.log(JSON.stringify(\(snippet)));
        return {statusCode: 200}
      }
      """)
    var event = Event(query: "a=1&b=2&a=3", headers: [("Host", "h"), ("Accept", "*/*"), ("X-Many", "1"), ("X-Many", "2"), ("Cookie", "a=1; b=2")])
    let lazy = isolate.answer(event)
    event.requestID = "eager"
    let eager = isolate.answer(event)
    #expect(lazy.error == "" && eager.error == "")
    #expect(lazy.log == eager.log)
    #expect(lazy.log.first?.isEmpty == false)
    #expect(lazy.pristine && eager.pristine)
  }
}
