// Owns: how many events of each function the queue runs at once. Pure.
// What a function may is not asked for but learned: its reservation, what viewers take of it, the limits of all functions, each throttles. What
// was throttled is held until an event of its function ends: a wait that doubles would go on long after there is room.
// Source: the AWS Lambda guide, "Asynchronous invocation" (the queue of events reduces and raises the rate at which it reads).

/// The shares of functions in what the queue runs. `Entry`: an event that waits.
struct EventShares<Entry> {
  private struct Share {
    var running = 0
    /// The most that run: as many as were running when one more was throttled.
    var limit: Int
    /// Since then, or since it was raised.
    var runs = 0
    /// Held until one ends, first come first.
    var held: [Entry] = []
  }

  /// One more may run at once after so many runs without a throttle: each that is too many is a throttle that metrics show.
  static var runsBeforeOneMore: Int { 16 }

  /// The most of a function that run at once where nothing is throttled.
  let mostRunning: Int
  /// Of functions of which an event runs, or may shortly; what is held has one that runs.
  private var shares: [String: Share] = [:]

  init(mostRunning: Int) { self.mostRunning = mostRunning }

  /// How many are held.
  var held: Int { shares.values.reduce(0) { $0 + $1.held.count } }

  /// Whether an event of a function may run now; where not, it is held.
  mutating func begin(_ entry: Entry, of function: String) -> Bool {
    var share = shares.removeValue(forKey: function) ?? Share(limit: mostRunning)
    let mayRun = share.running < share.limit
    if mayRun { share.running += 1 } else { share.held.append(entry) }
    shares[function] = share
    return mayRun
  }

  /// An event of a function has been run.
  /// - Returns: those that were held and may be tried now.
  mutating func ran(_ function: String) -> [Entry] {
    guard var share = shares.removeValue(forKey: function) else { return [] }
    share.running -= 1
    share.runs += 1
    if share.runs >= Self.runsBeforeOneMore { (share.limit, share.runs) = (min(share.limit + 1, mostRunning), 0) }
    // Where nothing of it runs, all: of those that are tried none may come to run, too old or gone, and free the next.
    let freed = share.running == 0 ? share.held : Array(share.held.prefix(share.limit - share.running))
    share.held.removeFirst(freed.count)
    if share.running > 0 || !freed.isEmpty { shares[function] = share }
    return freed
  }

  /// An event of a function was throttled, or there was no environment for it.
  /// - Returns: those that are to wait for a time: this one and all that were held, as nothing of the function runs whose end could free them;
  ///   none where something runs: it is held, before the others.
  mutating func throttled(_ entry: Entry, of function: String) -> [Entry] {
    guard var share = shares.removeValue(forKey: function) else { return [entry] }
    share.running -= 1
    if share.running == 0 { return [entry] + share.held }
    (share.limit, share.runs) = (share.running, 0)
    share.held.insert(entry, at: 0)
    shares[function] = share
    return []
  }
}
