// Step 5: who may come in at all (architecture.md). Each part stands in a file of its own; a behavior without any of them skips this step.
import Distribution
import HTTPWire

extension Worker {
  /// The first reason not to let a request in.
  func protect(_ exchange: inout Exchange) -> Response? {
    if let early = checkCountry(&exchange) { return early }
    if let early = limitRate(&exchange) { return early }
    return checkSignature(&exchange)
  }
}
