// Owns: the few precise timers of a loop (connection races, resolver, drain). Deadlines of sockets do not come here.

/// Names a timer of one loop.
public struct TimerID: Hashable, Sendable { let serial: UInt64 }

/// A binary heap of actions by due time; of those due at once, the first that was added comes first. Confined to its loop's thread.
struct TimerHeap {
  private var entries: [(due: UInt64, serial: UInt64)] = []
  private var actions: [UInt64: () -> Void] = [:]
  private var serial: UInt64 = 0

  /// When the next timer is due, `.max` without one.
  var earliest: UInt64 { entries.first?.due ?? .max }

  mutating func add(at due: UInt64, _ action: @escaping () -> Void) -> TimerID {
    serial += 1
    actions[serial] = action
    entries.append((due, serial))
    var child = entries.count - 1
    while child > 0, entries[child] < entries[(child - 1) / 2] {
      entries.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
    return TimerID(serial: serial)
  }

  /// The heap's entry stays and finds no action when it comes up.
  mutating func cancel(_ timer: TimerID) { actions[timer.serial] = nil }

  /// Takes the next due timer out. Its action is for the caller to run, who then does not hold on to the heap: actions add and cancel timers.
  mutating func takeDue(now: UInt64) -> (() -> Void)? {
    while let first = entries.first, first.due <= now {
      removeFirst()
      if let action = actions.removeValue(forKey: first.serial) { return action }
    }
    return nil
  }

  private mutating func removeFirst() {
    entries.swapAt(0, entries.count - 1)
    entries.removeLast()
    var parent = 0
    while true {
      var smallest = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < entries.count && entries[child] < entries[smallest] {
        smallest = child
      }
      if smallest == parent { return }
      entries.swapAt(parent, smallest)
      parent = smallest
    }
  }
}
