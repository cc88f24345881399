// Dates: RFC 9110, 5.6.7.

import Testing
import Transport

@Suite struct HTTPDateTests {
  static let dates: [(String, Int?)] = [
    ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777), ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777), ("Sun Nov  6 08:49:37 1994", 784_111_777),
    ("Sun Nov 06 08:49:37 1994", 784_111_777), ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("Tue, 19 Jan 2038 03:14:08 GMT", 2_147_483_648),
    ("Tue, 29 Feb 2000 23:59:60 GMT", 951_868_800), ("Fri, 31 Dec 9999 23:59:59 GMT", 253_402_300_799), ("Wednesday, 18-May-77 00:00:00 GMT", 232_761_600),
    ("Monday, 18-May-76 00:00:00 GMT", 3_356_985_600), ("Mon, 06 Nov 1994 08:49:37 GMT", 784_111_777), ("Wed, 31 Dec 1969 23:59:59 GMT", -1),
    // Letters in either case, and nothing but letters.
    ("sun, 06 Nov 1994 08:49:37 GMT", 784_111_777), ("SUN, 06 NOV 1994 08:49:37 gmt", 784_111_777), ("SUNDAY, 06-nov-94 08:49:37 Gmt", 784_111_777),
    ("sUN nOV  6 08:49:37 1994", 784_111_777), ("Sun, 06 Nov 1994\u{0}08:49:37 GMT", nil), ("Sun\u{c} 06 Nov 1994 08:49:37 GMT", nil), ("Sun, 06 Nov 1994 08\u{1a}49:37 GMT", nil),
    // No dates.
    ("", nil), ("0", nil), ("-1", nil), ("Sun, 06 Nov 1994 08:49:37", nil), ("Sun, 06 Nov 1994 08:49:37 UTC", nil),
    ("Sun, 6 Nov 1994 08:49:37 GMT", nil), ("Sun, 06 Nov 94 08:49:37 GMT", nil), ("Sun, 06-Nov-1994 08:49:37 GMT", nil), ("Sun 06 Nov 1994 08:49:37 GMT", nil),
    ("Sun,  06 Nov 1994 08:49:37 GMT", nil), ("Sun, 06 Nov 1994 8:49:37 GMT", nil),
    ("Sun, 06 Nov 1994 24:00:00 GMT", nil), ("Sun, 06 Nov 1994 08:60:37 GMT", nil), ("Sun, 06 Nov 1994 08:49:61 GMT", nil), ("Sun, 00 Nov 1994 08:49:37 GMT", nil),
    ("Sun, 31 Nov 1994 08:49:37 GMT", nil), ("Thu, 29 Feb 2001 08:49:37 GMT", nil), ("Sun, 06 Nov 1994 08:49:37 GMT ", nil), ("Sun, 06 Nov 1994 08:49:37 GMT, x", nil),
    ("Sun, 06 Nov 1994 08:49:37 +0000", nil), ("Sun, 06 Foo 1994 08:49:37 GMT", nil), ("Sun Nov 6 08:49:37 1994", nil), ("Son, 06 Nov 1994 08:49:37 GMT", nil),
    ("Sun, 06 Nov 1994 08.49.37 GMT", nil), ("\u{e9}", nil), ("Sunday", nil), ("Sun,", nil),
  ]

  @Test(arguments: dates) func reads(_ text: String, _ expected: Int?) { #expect(HTTPDate.seconds(text) == expected) }

  @Test func writesWhatItReads() {
    #expect(HTTPDate.text(784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT")
    for seconds in stride(from: -2_000_000_000, to: 8_000_000_000, by: 86_399 * 7) { #expect(HTTPDate.seconds(HTTPDate.text(seconds)) == seconds) }
  }
}
