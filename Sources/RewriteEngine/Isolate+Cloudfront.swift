// The module `cloudfront` on Swift's side: what a run is given for it, and what the function did with it
// (spec/cloudfront-functions.md section 10). On the isolate's thread, as everything of `Isolate`.
import CQuickJS

extension Isolate {
  // MARK: Given to the run, between `begin` and `run`

  /// `cf.edgeLocation` of a viewer request: a place's name (an IATA code), the address the viewer connected to, a region.
  public func setEdgeLocation(name: Span<UInt8>, serverAddress: Span<UInt8>, region: Span<UInt8>) {
    let name = unsafe storage.copy(name), address = unsafe storage.copy(serverAddress), region = unsafe storage.copy(region)
    unsafe storage.set {
      unsafe $0.edge_name = name
      unsafe $0.edge_server_ip = address
      unsafe $0.edge_region = region
    }
  }

  // MARK: What came of it

  /// The origin the function chose, when `Invocation.hasOriginChoice`; until `finish`.
  public var originChoice: OriginChoice? {
    guard let choice = unsafe result?.pointee.origin else { return nil }
    return unsafe OriginChoice(choice.pointee)
  }

  /// Lends what the last run gave to `cf.logCustomData`, at most 800 bytes after URL-encoding; empty for nothing. It
  /// stays until the next run.
  public func withLogData<R>(_ body: (Span<UInt8>) throws -> R) rethrows -> R {
    try unsafe lend(sk_isolate_log_data(pointer), to: body)
  }
}
