// Malformed framing: whatever could make two readers disagree about where a request ends (RFC 9112 6, 7).

extension Refusal {
  /// Content-Length is there at most once, and 1*DIGIT (RFC 9110 8.6).
  static let contentLengths: [Refusal] = [
    ("repeated, the same", "Content-Length: 5\r\nContent-Length: 5\r\n"),
    ("repeated, different", "Content-Length: 5\r\nContent-Length: 6\r\n"),
    ("repeated, apart, in another case", "Content-Length: 5\r\nA: b\r\ncontent-length: 5\r\n"),
    ("repeated, one empty", "Content-Length: 5\r\nContent-Length:\r\n"),
    ("a list of equals", "Content-Length: 5,5\r\n"), ("a list of equals with spaces", "Content-Length: 5, 5\r\n"),
    ("a list", "Content-Length: 5, 6\r\n"), ("a trailing comma", "Content-Length: 5,\r\n"),
    ("a leading comma", "Content-Length: ,5\r\n"), ("empty", "Content-Length:\r\n"), ("white space", "Content-Length:  \r\n"),
    ("plus sign", "Content-Length: +5\r\n"), ("minus sign", "Content-Length: -5\r\n"), ("minus zero", "Content-Length: -0\r\n"),
    ("hexadecimal", "Content-Length: 0x5\r\n"), ("hexadecimal digits", "Content-Length: a\r\n"),
    ("a point", "Content-Length: 5.0\r\n"), ("an exponent", "Content-Length: 5e0\r\n"),
    ("a space inside", "Content-Length: 5 5\r\n"), ("a tab inside", "Content-Length: 5\t5\r\n"),
    ("a parameter", "Content-Length: 5;\r\n"), ("quotes", "Content-Length: \"5\"\r\n"), ("a word", "Content-Length: five\r\n"),
    ("text behind", "Content-Length: 5x\r\n"), ("an underscore", "Content-Length: 1_0\r\n"),
    ("other digits", "Content-Length: \u{b2}\r\n"), ("vertical tab before", "Content-Length: \u{0b}5\r\n"),
    ("2^63", "Content-Length: 9223372036854775808\r\n"), ("2^64", "Content-Length: 18446744073709551616\r\n"),
    ("2^64 + 5", "Content-Length: 18446744073709551621\r\n"),
    ("forty digits", "Content-Length: \(String(repeating: "9", count: 40))\r\n"),
  ].map { Refusal("Content-Length: \($0.0)", post($0.1, "hello")) }
    + [
      .init("Content-Length repeated in a GET", get("Content-Length: 0\r\nContent-Length: 0\r\n")),
      .init("Content-Length malformed in a GET", get("Content-Length: none\r\n")),
      .init("Content-Length repeated in HTTP/1.0",
        "POST /refused HTTP/1.0\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello"),
    ]

  /// Transfer-Encoding is `chunked` and nothing else, never beside Content-Length, never in HTTP/1.0 (RFC 9112 6.1).
  static let transferCodings: [Refusal] = [
    ("with Content-Length before", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
    ("with Content-Length after", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
    ("with Content-Length 0", "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n"),
    ("unknown, with Content-Length", "Transfer-Encoding: x\r\nContent-Length: 5\r\n"),
    ("gzip", "Transfer-Encoding: gzip\r\n"), ("gzip, chunked", "Transfer-Encoding: gzip, chunked\r\n"),
    ("chunked, gzip", "Transfer-Encoding: chunked, gzip\r\n"), ("identity", "Transfer-Encoding: identity\r\n"),
    ("chunked, identity", "Transfer-Encoding: chunked, identity\r\n"),
    ("identity, chunked", "Transfer-Encoding: identity, chunked\r\n"),
    ("chunked, chunked", "Transfer-Encoding: chunked, chunked\r\n"),
    ("chunked on two lines", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
    ("chunked and then another line", "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n"),
    ("another line and then chunked", "Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n"),
    ("xchunked", "Transfer-Encoding: xchunked\r\n"), ("chunkedx", "Transfer-Encoding: chunkedx\r\n"),
    ("chunke", "Transfer-Encoding: chunke\r\n"), ("chunked in two words", "Transfer-Encoding: chun ked\r\n"),
    ("a quoted coding", "Transfer-Encoding: \"chunked\"\r\n"), ("a parameter", "Transfer-Encoding: chunked;a=b\r\n"),
    ("a bare semicolon", "Transfer-Encoding: chunked;\r\n"), ("empty", "Transfer-Encoding:\r\n"),
    ("vertical tab before", "Transfer-Encoding: \u{0b}chunked\r\n"), ("vertical tab after", "Transfer-Encoding: chunked\u{0b}\r\n"),
    ("NUL after", "Transfer-Encoding: chunked\u{00}\r\n"), ("non-breaking space before", "Transfer-Encoding: \u{a0}chunked\r\n"),
    ("a trailing comma and word", "Transfer-Encoding: chunked,x\r\n"),
  ].map { Refusal("Transfer-Encoding: \($0.0)", post($0.1, "0\r\n\r\n"), statuses: [400, 501]) }
    + [
      .init("Transfer-Encoding in HTTP/1.0", "POST /refused HTTP/1.0\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
      .init("Transfer-Encoding and Content-Length in HTTP/1.0",
        "POST /refused HTTP/1.0\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"),
      .init("Transfer-Encoding: gzip in a GET", get("Transfer-Encoding: gzip\r\n"), statuses: [400, 501]),
    ]

  /// Chunks (RFC 9112 7.1). The head is good, so the origin may have seen the beginning, never the end.
  static let chunks: [Refusal] = [
    ("size of no digits", "\r\nhello\r\n"), ("size that is no number", "g\r\nhello\r\n"), ("size with a sign", "+5\r\nhello\r\n"),
    ("negative size", "-5\r\nhello\r\n"), ("size with 0x", "0x5\r\nhello\r\n"), ("size with a point", "5.\r\nhello\r\n"),
    ("space before the size", " 5\r\nhello\r\n"), ("space after the size", "5 \r\nhello\r\n"), ("tab after the size", "5\t\r\nhello\r\n"),
    ("size in two words", "5 5\r\nhello\r\n"), ("size and a comma", "5,5\r\nhello\r\n"), ("NUL after the size", "5\u{00}\r\nhello\r\n"),
    ("size 2^63", "8000000000000000\r\nhello\r\n"), ("size 2^64", "10000000000000000\r\nhello\r\n"),
    ("size 2^64 + 5", "10000000000000005\r\nhello\r\n"), ("size of 17 F", "FFFFFFFFFFFFFFFFF\r\nhello\r\n"),
    ("size of 20,000 zeros", "\(String(repeating: "0", count: 20_000))5\r\nhello\r\n"),
    ("LF after the size", "5\nhello\r\n"), ("CR after the size", "5\rhello\r\n"), ("CR CR LF after the size", "5\r\r\nhello\r\n"),
    ("nothing after the data", "5\r\nhello"), ("LF after the data", "5\r\nhello\n"), ("CR alone after the data", "5\r\nhello\r"),
    ("more data than the size says", "4\r\nhello\r\n"), ("XX after the data", "5\r\nhelloXX"),
    ("LF in an extension", "5;a\nb\r\nhello\r\n"), ("CR in an extension", "5;a\rb\r\nhello\r\n"), ("NUL in an extension", "5;a=\u{00}\r\nhello\r\n"),
    ("LF in a quoted extension", "5;a=\"b\nc\"\r\nhello\r\n"), ("LF ends an extension", "5;a=b\nhello\r\n"),
    ("an endless extension", "5;a=\(String(repeating: "x", count: 70_000))\r\nhello\r\n"),
  ].map { Refusal("chunk: \($0.0)", post("Transfer-Encoding: chunked\r\n", $0.1 + "0\r\n\r\n"), isInBody: true) }
    + [
      ("LF after the last chunk", "0\n\r\n"), ("LF ends the trailers", "0\r\n\n"), ("size 00x", "00x\r\n\r\n"),
      ("trailer with a space before the colon", "0\r\nA : b\r\n\r\n"), ("trailer without a colon", "0\r\nnonsense\r\n\r\n"),
      ("trailer ended by LF", "0\r\nA: b\n\r\n"), ("trailer with a bare CR", "0\r\nA: b\rc\r\n\r\n"), ("folded trailer", "0\r\nA: b\r\n c\r\n\r\n"),
      ("NUL in a trailer", "0\r\nA: \u{00}\r\n\r\n"), ("empty trailer name", "0\r\n: b\r\n\r\n"),
      ("endless trailers", "0\r\n\(String(repeating: "A: \(String(repeating: "x", count: 997))\r\n", count: 70))\r\n"),
    ].map {
      Refusal("last chunk: \($0.0)", post("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n" + $0.1), statuses: [400, 494], isInBody: true)
    }
}
