// Text that leaves a function is UTF-8: lone surrogates and broken bytes become U+FFFD, in both directions
// (spec/cloudfront-functions.md 2.6 and 9.3).
import RewriteEngine
import Testing

@Suite struct TextTests {
  /// Handlers, and what `Answer` holds then. `string` of Support.swift shows what is not UTF-8 as such.
  static let out: [(handler: String, path: KeyPath<Answer, String> & Sendable, text: String)] = [
    ("event.request.uri = '/\\ud800'; return event.request", \.uri, "/\u{FFFD}"),
    ("event.request.uri = '/\\ud800\\udbff\\ud83d\\ude00\\udc00.'; return event.request", \.uri, "/\u{FFFD}\u{FFFD}\u{1F600}\u{FFFD}."),
    ("event.request.uri = '/\\ud7ff\\ue000'; return event.request", \.uri, "/\u{D7FF}\u{E000}"),
    ("event.request.querystring = 'a=\\udc00'; return event.request", \.query, "a=\u{FFFD}"),
    ("event.request.querystring['\\ud800'] = {value: '\\udc00'}; return event.request", \.query, "\u{FFFD}=\u{FFFD}"),
    ("event.request.headers['x-s'] = {value: '\\udfff\\ud800'}; return event.request", \.firstEdit, "x-s: \u{FFFD}\u{FFFD}"),
    ("event.request.headers['x-s'] = {multiValue: [{value: 'a\\ud800'}]}; return event.request", \.firstEdit, "x-s: a\u{FFFD}"),
    ("event.request.cookies['\\ud83d'] = {value: '\\ude00'}; return event.request", \.firstEdit, "cookie: \u{FFFD}=\u{FFFD}"),
    ("return {statusCode: 200, cookies: {a: {value: '\\ude00', attributes: 'Path=/\\ud800'}}}", \.firstEdit, "set-cookie: a=\u{FFFD}; Path=/\u{FFFD}"),
    ("return {statusCode: 200, statusDescription: 'O\\ud800K'}", \.statusDescription, "O\u{FFFD}K"),
    ("return {statusCode: 200, body: '\\ud800'}", \.body, "\u{FFFD}"),
    ("return {statusCode: 200, body: {encoding: 'text', data: 'x\\udfffy'}}", \.body, "x\u{FFFD}y"),
    ("console.log('a\\ud800b'); return event.request", \.firstLine, "a\u{FFFD}b"),
    ("throw new Error('a\\ud800b')", \.error, "Error: a\u{FFFD}b"),
    ("event.request.headers['\\ud800'] = {value: 'x'}; return event.request", \.error, "request.headers['\u{FFFD}'] is not a valid header name"),
    ("event.request.headers['x' + 'é'.repeat(80)] = {value: 'x'}; return event.request", \.error, "request.headers['x\(String(repeating: "é", count: 49))'] is not a valid header name"),
    ("return {statusCode: 302, headers: {location: {value: require('querystring').parse('next=/%ED%A0%80').next}}}", \.firstEdit, "location: /\u{FFFD}\u{FFFD}\u{FFFD}"),
  ]

  @Test(arguments: out) func textOut(_ row: (handler: String, path: KeyPath<Answer, String> & Sendable, text: String)) throws {
    let isolate = try makeIsolate("function handler(event) { \(row.handler) }")
    #expect(isolate.answer()[keyPath: row.path] == row.text)
  }

  /// Bytes as hexadecimal, and the string that all ways of reading them give.
  @Test(arguments: [
    ("eda080", "\u{FFFD}\u{FFFD}\u{FFFD}"), ("edbfbf41", "\u{FFFD}\u{FFFD}\u{FFFD}A"), ("e282", "\u{FFFD}"), ("e28241", "\u{FFFD}A"), ("f09f98", "\u{FFFD}"),
    ("f0808080", "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}"), ("c0af", "\u{FFFD}\u{FFFD}"), ("ff", "\u{FFFD}"), ("80", "\u{FFFD}"), ("f4908080", "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}"),
    ("61c3a9e282acf09f9880", "aé€\u{1F600}"), ("ed9fbfee8080", "\u{D7FF}\u{E000}"), ("efbbbf61", "\u{FEFF}a"), ("", ""),
  ])
  func textIn(_ hex: String, _ text: String) throws {
    let escapes = stride(from: 0, to: hex.count, by: 2).map { "%" + hex.dropFirst($0).prefix(2) }.joined()
    let isolate = try makeIsolate(
      """
      var qs = require('querystring');
      function handler(event) {
        var b = Buffer.from('\(hex)', 'hex'), all = [b.toString(), b.toString('utf8', 0), String(b), qs.unescape('\(escapes)'), qs.parse('a=\(escapes)').a,
          Object.keys(qs.parse('\(escapes)=1'))[0] || '', new TextDecoder('utf-8', {ignoreBOM: true}).decode(b)];
        console.log(all.every(x => x === all[0]), all.every(x => x.isWellFormed()));
        console.log(all[0]);
        return event.request
      }
      """)
    #expect(isolate.answer().log == ["true true", text])
  }
}

extension Answer {
  fileprivate var firstEdit: String { edits.first ?? error }
  fileprivate var firstLine: String { log.first ?? error }
}
