import HTTPWire
extension Worker {
  func runViewerRequest(_ exchange: inout Exchange) -> Response? { nil }
  func runViewerResponse(_ response: consuming Response, _ exchange: inout Exchange) -> Response { response }
}
