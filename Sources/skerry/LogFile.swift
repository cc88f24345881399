// Reading an access log that is to be replayed, whatever its length.
import ConfigurationFile
import Foundation
import LoadGenerator

enum LogFile {
  /// - Throws: ``Refusal`` when it cannot be read or has no request; what is no record is said on stderr.
  static func plan(_ path: String, _ target: LoadTarget, _ fields: [(name: String, value: String)]) throws -> LoadPlan {
    guard let handle = path == "-" ? .standardInput : FileHandle(forReadingAtPath: path), path == "-" || !Files.isFolder(path) else { throw Refusal("\(path) cannot be read") }
    var replay = LogReplay(), rest: [UInt8] = []
    while let data = try? handle.read(upToCount: 1 << 20), !data.isEmpty {
      var start = data.startIndex
      while let end = data[start...].firstIndex(of: 10) {
        replay.take(line: rest + data[start..<end])
        rest = []
        start = end + 1
      }
      // The beginning of a line that is too long is enough to say so.
      if rest.count <= LogReplay.lineLimit { rest += data[start...] }
    }
    if !rest.isEmpty { replay.take(line: rest) }
    for problem in replay.problems { StandardError.say("\(path):\(problem.line):\(problem.column): warning: \(problem.text)".onOneLine) }
    let plan = try replay.plan(target, fields: fields)
    guard plan.count > 0 else { throw Refusal("\(path) has no request that could be replayed") }
    return plan
  }
}
