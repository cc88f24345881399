// Owns: what the metrics page shows of the cache's store, which all workers share. Values from elsewhere; pure.

/// The numbers of the cache's store at one moment.
public struct CacheFacts: Sendable {
  /// What is held now.
  public enum Level: String, CaseIterable, Sendable {
    case objects, bytes, limitBytes = "limit_bytes", indexBytes = "index_bytes", fills, invalidations, diskObjects = "disk_objects", diskBytes = "disk_bytes"

    var name: String { "skerry_cache_\(rawValue)" }
    var help: String {
      switch self {
      case .objects: "Objects in the cache's memory."
      case .bytes: "Bytes the cache holds in memory: keys, heads, bodies and index, those included that have left and are still being read."
      case .limitBytes: "Their limit (cache.memory)."
      case .indexBytes: "Bytes of them that the index and the eviction's queues take."
      case .fills: "Objects being fetched for the cache."
      case .invalidations: "Invalidations that the cache has not been looked through for."
      case .diskObjects: "Objects in the cache's folder."
      case .diskBytes: "Bytes of their files."
      }
    }
  }

  /// What has happened.
  public enum Event: String, CaseIterable, Sendable {
    case evicted, passedOn = "passed_on", longKey = "long_key", arenaFull = "arena_full", invalidated
    case invalidationRefused = "invalidation_refused", targetInvalidated = "target_invalidated", diskHit = "disk_hit", diskRead = "disk_read", diskReadRefused = "disk_read_refused"
    case diskWritten = "disk_written", diskNotWritten = "disk_not_written", diskFailed = "disk_failed", diskCorrupt = "disk_corrupt", diskEvicted = "disk_evicted"

    var meaning: String {
      switch self {
      case .evicted: "an object left memory to make room"
      case .passedOn: "a body was passed on and not kept: larger than limits.cache.objectBytes, or no memory was free"
      case .longKey: "a request passed the cache: its key was longer than limits.cache.keyBytes"
      case .arenaFull: "a body lies in ordinary memory: the file for bodies could not grow"
      case .invalidated: "an invalidated object was removed from memory"
      case .invalidationRefused: "429: limits.cache.invalidations wait"
      case .targetInvalidated: "an unsafe method changed a target whose keys hold more than the target (rfc9111)"
      case .diskHit: "an object was brought back from disk"
      case .diskRead: "a file was read and found whole"
      case .diskReadRefused: "fetched from the origin: limits.cache.diskReads wait"
      case .diskWritten: "an object was written"
      case .diskNotWritten: "an object was not written: limits.cache.diskWrites wait"
      case .diskFailed: "an object was not written: the disk is full, read-only or broken"
      case .diskCorrupt: "a file was damaged and has been removed"
      case .diskEvicted: "an object left the folder to make room"
      }
    }
  }

  /// The levels; what is not there is not shown.
  public var levels: [Level: Int] = [:]
  /// The events; what is not there counts 0.
  public var events: [Event: Int] = [:]

  /// Numbers to be filled in.
  public init() {}

  static let eventsName = "skerry_cache_events_total"
  static let eventsHelp = "What happened in the cache's store, by event."

  static func render(_ facts: CacheFacts?, _ page: inout PrometheusText) {
    for level in Level.allCases {
      page.family(level.name, .gauge, level.help)
      if let value = facts?.levels[level] { page.sample(level.name, [], String(value)) }
    }
    page.family(eventsName, .counter, eventsHelp)
    guard let facts else { return }
    for event in Event.allCases { page.sample(eventsName, [("event", event.rawValue)], String(facts.events[event] ?? 0)) }
  }
}
