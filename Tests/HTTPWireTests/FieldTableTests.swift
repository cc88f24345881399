// The table of field lines fits the memory it borrows; the table of names finds them without a search.
import CSystem
import Testing

@testable import HTTPWire

@Suite struct FieldTableTests {
  @Test func aTableFillsItsBlock() {
    let bytes = FieldTable.standardSize * MemoryLayout<FieldLine>.stride
    #expect(bytes <= Int(SK_FIELD_TABLE_SIZE) && bytes > Int(SK_FIELD_TABLE_SIZE) - MemoryLayout<FieldLine>.stride)
    #expect(FieldTable.standardSize == 128)   // what limits.headerCount may be at most
  }

  /// Lines beyond the block: the table moves, what was in it stays.
  @Test func aTableGrows() {
    var table = FieldTable()
    for i in 0..<300 {
      table.makeRoom(for: i)
      table[i] = FieldLine(nameStart: i, nameLength: 1, valueStart: 0, valueLength: 0, end: 0, name: .other)
    }
    var starts: [UInt32] = []
    for i in 0..<300 { starts.append(table[i].nameStart) }
    #expect(starts == Array(0..<300))
  }

  /// A search takes 30 ms of every start. Whoever adds a name writes down the multiplier that it comes to.
  @Test func namesAreKeptApartAtOnce() {
    let wasSearched = FieldNameTable.shared.wasSearched, multiplier = FieldNameTable.shared.multiplier
    #expect(!wasSearched, "FieldNameTable.multiplier must become \(String(multiplier, radix: 16))")
  }
}
