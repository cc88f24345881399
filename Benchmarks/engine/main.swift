// Engine time without the network: what one run of a function costs, from setting its event to the heap put back.
//
//     bench-engine                              each function, CPU time of a run
//     bench-engine --functions 500              as many isolates in rotation: cold caches, memory
//     bench-engine --only redirect --count 4000 that many runs and nothing else: for callgrind (Benchmarks/README.md)
import Foundation
import RewriteEngine

struct Failure: Error, CustomStringConvertible {
  let description: String
}

struct Options {
  var only: String?
  var functions: Int?
  var count: Int?
  var rounds = 15

  init(_ arguments: [String]) throws {
    var rest = arguments[...]
    while let name = rest.popFirst() {
      guard let value = rest.popFirst() else { throw Failure(description: "\(name) needs a value, or is unknown") }
      switch (name, Int(value)) {
      case ("--only", _): only = value
      case ("--functions", let number?) where number > 0: functions = number
      case ("--count", let number?) where number > 0: count = number
      case ("--rounds", let number?) where number > 0: rounds = number
      default: throw Failure(description: "unknown: \(name) \(value)")
      }
    }
  }
}

/// Median and half the distance between the quartiles.
func summary(_ values: [Double]) -> (median: Double, noise: Double) {
  let sorted = values.sorted()
  return (sorted[sorted.count / 2], (sorted[sorted.count * 3 / 4] - sorted[sorted.count / 4]) / 2)
}

func nanoseconds(_ clock: clockid_t) -> Double {
  var time = timespec()
  unsafe clock_gettime(clock, &time)
  return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
}

func residentKilobytes() -> Double {
  let words = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?.split(separator: " ")
  return Double(words.flatMap { Int($0[1]) } ?? 0) * 4
}

func padded(_ text: String, _ width: Int) -> String { text + String(repeating: " ", count: max(0, width - text.count)) }
func number(_ value: Double) -> String { String(format: "%8.0f", value) }

let exchange = Exchange()

func runs(_ count: Int, _ isolate: Isolate, _ workload: Workload) throws {
  for _ in 0..<count where !exchange.run(isolate, workload) {
    throw Failure(description: "\(workload.name) came to something else")
  }
}

/// CPU time of one run, of isolates that stay in the caches.
func measureEach(_ workloads: [Workload], _ options: Options, _ thread: ThreadContext) throws {
  print("CPU time of one run in nanoseconds, median of \(options.rounds) rounds of 2,000 ± half the distance of the quartiles")
  print(padded("function", 18) + "     run   noise     bar   hot KB  base KB")
  for workload in workloads {
    let isolate = try Isolate(try workload.code(), on: thread)
    try runs(200, isolate, workload)
    var times: [Double] = []
    for _ in 0..<options.rounds {
      let begin = nanoseconds(CLOCK_THREAD_CPUTIME_ID)
      try runs(2_000, isolate, workload)
      times.append((nanoseconds(CLOCK_THREAD_CPUTIME_ID) - begin) / 2_000)
    }
    let (median, noise) = summary(times)
    print(padded(workload.name, 18) + number(median) + number(noise) + number(workload.barNanoseconds)
      + number(Double(isolate.hotBytes) / 1024) + " " + number(Double(isolate.baseBytes) / 1024))
  }
}

/// Many isolates, one run each in turn: the caches hold none of them.
func measureRotation(_ workloads: [Workload], _ count: Int, _ options: Options, _ thread: ThreadContext) throws {
  let before = residentKilobytes()
  let codes = try workloads.map { try $0.code() }
  let built = nanoseconds(CLOCK_THREAD_CPUTIME_ID)
  let isolates = try (0..<count).map { try Isolate(codes[$0 % codes.count], on: thread) }
  let building = (nanoseconds(CLOCK_THREAD_CPUTIME_ID) - built) / Double(count)
  var times = workloads.map { _ in [Double]() }
  for round in 0..<(options.rounds + 2) {
    for (index, isolate) in isolates.enumerated() {
      let begin = nanoseconds(CLOCK_THREAD_CPUTIME_ID)
      try runs(1, isolate, workloads[index % workloads.count])
      if round >= 2 { times[index % workloads.count].append(nanoseconds(CLOCK_THREAD_CPUTIME_ID) - begin) }
    }
  }
  print("\(count) functions in rotation: nanoseconds of CPU time of one run, with 2 clock readings (about 400)")
  print(padded("function", 18) + "  median   noise     p99")
  for (workload, values) in zip(workloads, times) {
    let (median, noise) = summary(values)
    print(padded(workload.name, 18) + number(median) + number(noise) + number(values.sorted()[values.count * 99 / 100]))
  }
  let memory = withExtendedLifetime(isolates) { (residentKilobytes() - before) / Double(count) }
  print(String(format: "building one: %.0f µs; resident memory of one: %.0f KB", building / 1000, memory))
}

func main() throws {
  let options = try Options(Array(CommandLine.arguments.dropFirst()))
  let workloads = Workload.all.filter { options.only == nil || options.only == $0.name }
  guard !workloads.isEmpty else { throw Failure(description: "no such function; there are \(Workload.all.map(\.name).joined(separator: ", "))") }
  guard let thread = ThreadContext() else { throw Failure(description: "the system has no timer left") }
  if let count = options.count {
    for workload in workloads { try runs(count, try Isolate(try workload.code(patient: true), on: thread), workload) }
  } else if let functions = options.functions {
    try measureRotation(workloads, functions, options, thread)
  } else {
    try measureEach(workloads, options, thread)
  }
}

do {
  try main()
} catch {
  try? FileHandle.standardError.write(contentsOf: Data("bench-engine: \(error)\n".utf8))
  exit(1)
}
