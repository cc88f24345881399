// Putting a heap back by copying only the pages that runs have written to (Sources/CQuickJS/snapshot.c).
// What would end or starve the process is done in a child of its own.
import TestTools
import Testing

@testable import RewriteEngine

#if canImport(Glibc)
  import Glibc
#endif

private let page = 4096

/// Top-level data of 64 × 16 KiB; the request's path tells into which of them the handler writes a byte.
private let scattered = """
  var data = new Uint8Array(64 * 16384);
  function handler(event) {
    var sum = 0; for (var i = 0; i < 64; i++) sum += data[i * 16384 + 8192];
    console.log(sum);
    event.request.uri.slice(1).split(',').forEach(i => { if (i) data[i * 16384 + 8192] = 1 });
    return event.request
  }
  """

@Suite(.mayBlock) struct HotPageTests {
  @Test func onlyPagesThatRunsWriteToAreCopied() throws {
    let isolate = try makeIsolate("function handler(event) { return event.request }")
    #expect(isolate.hotBytes == 0)
    #expect(isolate.answer().pristine)
    let hot = isolate.hotBytes
    #expect(hot > 0 && hot <= 8 * page)
    for _ in 0..<100 { #expect(isolate.answer().pristine) }
    #expect(isolate.hotBytes == hot)
    #expect(isolate.baseBytes >= 20 * page)
  }

  /// Stretches of hot pages are bounded; beyond that the pages between two of them are copied too.
  @Test func writesEverywhereStayPristine() throws {
    let isolate = try makeIsolate(scattered)
    #expect(isolate.answer(Event(uri: "/")).log == ["0"])
    let start = isolate.hotBytes
    // From the middle outwards, so that pages before, between and behind what is hot already become hot.
    var hot = start
    for step in 0..<64 {
      let block = step % 2 == 0 ? 32 + step / 2 : 31 - step / 2
      let answer = isolate.answer(Event(uri: "/\(block)"))
      #expect(answer.log == ["0"])
      #expect(answer.pristine)
      #expect(step > 12 || isolate.hotBytes == hot + page)
      hot = isolate.hotBytes
    }
    #expect(hot > start + 128 * page)  // what lies between two of them, too
    #expect(hot < isolate.baseBytes)
    #expect(stretches(of: isolate) <= 24)
    #expect(isolate.answer(Event(uri: "/1,5,9,13,17,21,63")).pristine)
    #expect(isolate.answer(Event(uri: "/")).log == ["0"])
  }

  /// A run that is cut off leaves hot pages behind like any other.
  @Test func cutOffWhilePagesBecomeHot() throws {
    let thread = try #require(ThreadContext())
    let hostile = """
      var blocks = []; for (var i = 0; i < 200; i++) blocks.push(new Uint8Array(8192));
      function handler(event) {
        if (blocks.some(b => b[0])) return event.request;
        for (;;) for (var i = 0; i < 200; i++) { var b = blocks[i * 77 % 200]; b[0]++; b[5000]++ }
      }
      """
    for step in 0..<30 {
      var limits = FunctionCode.Limits()
      limits.cpuNanoseconds = UInt64(20_000 + step * 17_003)
      let isolate = try Isolate(code(hostile, limits: limits), on: thread)
      for _ in 0..<4 {
        let answer = isolate.answer()
        #expect(answer.invocation.failure == .cpuLimit)
        #expect(answer.pristine)
      }
    }
  }

  /// When the system has no mapping left, the base becomes hot as a whole, which needs none.
  @Test func withoutMappingsTheWholeBaseIsCopied() async {
    await #expect(processExitsWith: .success) {
      let isolate = try makeIsolate(scattered)
      var answers: [Answer] = []
      var hot = 0
      let filled = withoutMappings {
        answers = [isolate.answer(Event(uri: "/")), isolate.answer(Event(uri: "/1,20,40"))]
        hot = isolate.hotBytes
        answers.append(isolate.answer(Event(uri: "/2,3")))
      }
      #expect(filled)
      #expect(hot == isolate.baseBytes)
      for answer in answers {
        #expect(answer.log == ["0"])
        #expect(answer.pristine)
      }
    }
  }

  /// All heaps together leave the process mappings for everything else: 16,384 at most are theirs.
  @Test func mappingsOfAllHeapsAreBounded() async {
    await #expect(processExitsWith: .success) {
      let thread = try #require(ThreadContext())
      let function = code(scattered, limits: patient)
      let uri = "/" + (0..<20).map { String($0 * 3) }.joined(separator: ",")
      var isolates: [Isolate] = []
      while isolates.last.map({ $0.hotBytes < $0.baseBytes }) ?? true, isolates.count < 2000 {
        let isolate = try Isolate(function, on: thread)
        #expect(isolate.answer(Event(uri: uri)).pristine)
        isolates.append(isolate)
      }
      #expect(isolates.count > 300 && isolates.count < 500)
      #expect(isolates[isolates.count - 1].answer(Event(uri: uri)).pristine)
      isolates.removeAll()
      let again = try Isolate(function, on: thread)
      #expect(again.answer(Event(uri: uri)).pristine)
      #expect(again.hotBytes < again.baseBytes / 3)
    }
  }

  // MARK: Everything else is still a crash

  @Test func aWriteOutsideOfARunCrashes() async {
    await #expect(processExitsWith: .signal(SIGSEGV)) {
      let isolate = try makeIsolate(scattered)
      _ = isolate.answer(Event(uri: "/63"))
      poke(isolate, isolate.baseBytes / 2)
    }
  }

  @Test(arguments: [false, true]) func guardPagesCrash(behind: Bool) async {
    await #expect(processExitsWith: .signal(SIGSEGV)) { [behind] in
      let isolate = try makeIsolate("function handler(event) { return event.request }")
      let limit = isolate.baseBytes + isolate.code.limits.memoryBytes
      guard peek(isolate, 0) >= 0, peek(isolate, limit - 1) == 0 else { exit(1) }  // first and last byte are there
      exit(peek(isolate, behind ? limit : -1) & 0)
    }
  }

  @Test func aStackOverflowCrashes() async {
    await #expect(processExitsWith: .signal(SIGSEGV)) {
      let isolate = try makeIsolate("function handler(event) { return event.request }")
      _ = isolate.answer()
      exit(Int32(truncatingIfNeeded: deeper(1)) & 0)
    }
  }

  @Test func aSignalSentByAProcessEndsIt() async {
    await #expect(processExitsWith: .signal(SIGSEGV)) {
      let isolate = try makeIsolate("function handler(event) { return event.request }")
      _ = isolate.answer()
      kill(getpid(), SIGSEGV)
      usleep(1_000_000)
    }
  }
}

private func peek(_ isolate: Isolate, _ offset: Int) -> Int32 { Int32(unsafe (isolate.heapStart + offset).load(as: UInt8.self)) }

private func poke(_ isolate: Isolate, _ offset: Int) {
  unsafe UnsafeMutableRawPointer(mutating: isolate.heapStart + offset).storeBytes(of: 1, as: UInt8.self)
}

/// Calls `body` while the process may have no more mappings. False: there were more than a system usually allows.
private func withoutMappings(_ body: () -> Void) -> Bool {
  let bytes = 140_000 * page
  guard let filler = unsafe mmap(nil, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) else { return false }
  var offset = page
  while offset < bytes, unsafe mprotect(filler + offset, page, PROT_READ) == 0 { offset += 2 * page }
  if offset < bytes { body() }
  unsafe munmap(filler, bytes)
  return offset < bytes
}

@inline(never) private func deeper(_ depth: Int) -> Int {
  depth < 0 ? depth : deeper(depth + 1) &+ deeper(depth &+ 2) &+ 1
}

/// How many writable mappings the kernel has inside an isolate's base.
private func stretches(of isolate: Isolate) -> Int {
  let start = unsafe UInt(bitPattern: isolate.heapStart), end = start + UInt(isolate.baseBytes)
  guard let file = unsafe fopen("/proc/self/maps", "r") else { return .max }
  defer { unsafe fclose(file) }
  var count = 0
  var line = [CChar](repeating: 0, count: 4096)
  while unsafe fgets(&line, Int32(line.count), file) != nil {
    let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let words = text.split(separator: " ")
    let range = words[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
    if range.count == 2, range[0] < end, range[1] > start, words[1].hasPrefix("rw") { count += 1 }
  }
  return count
}
