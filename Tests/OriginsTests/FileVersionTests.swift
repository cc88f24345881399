// What tells the states of a file apart: RFC 9110, 8.8.

import Testing

@testable import Origins

@Test func aFileHasAStrongValidatorThatChangesWithIt() {
  let file = FileVersion(size: 1_000, modifiedSeconds: 784_111_777, modifiedNanoseconds: 255)
  #expect(file.etag == "\"3e8-2ebc98a1.ff\"")
  #expect(file.lastModified == "Sun, 06 Nov 1994 08:49:37 GMT")
  var other = file
  other.modifiedNanoseconds += 1
  #expect(other.etag != file.etag)
  other = file
  other.size += 1
  #expect(other.etag != file.etag)
}
