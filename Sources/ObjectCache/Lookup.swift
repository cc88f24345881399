// What a look-up can come to. Whether a stored response may be used is the asker's arithmetic (Freshness.swift); who fetches is the store's.

/// What the asker may do with a stored response.
public enum Use: Sendable {
  /// Serve it.
  case fresh
  /// Serve it, and have it validated meanwhile.
  case staleServe
  /// Serve it only when the origin has been asked.
  case validate
}

/// What a look-up came to.
public enum Lookup: Sendable {
  /// To be served.
  case hit(StoredResponse)
  /// To be served; who gets a leader validates it in the background. Nobody else's leader: somebody does already.
  case stale(StoredResponse, FillLeader?)
  /// To be fetched by the asker, for all who ask meanwhile.
  case lead(FillLeader)
  /// Somebody fetches it: wait.
  case follow(FillFollower)
  /// To be fetched by each asker alone, and not to be stored.
  case pass
}
