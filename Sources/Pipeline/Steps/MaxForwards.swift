// Behind step 7: Max-Forwards of an OPTIONS request, the last thing before the way to the origin (RFC 9110, 7.6.2). TRACE, the other
// method that has it, is refused with every behavior.
import Distribution
import HTTPWire

extension Worker {
  /// Uses up one forward. When there is none left the request has arrived: the answer says what the behavior allows.
  @inline(__always) func countForward(_ exchange: inout Exchange) -> Response? { exchange.received.method == .options ? useForward(&exchange) : nil }

  private func useForward(_ exchange: inout Exchange) -> Response? {
    guard let line = exchange.request.fields.first(.maxForwards) else { return nil }
    // What is no number of a sensible size is the origin's to judge.
    let digits = exchange.request.fields.value(line).text
    guard digits.utf8.allSatisfy(\.isDigit), let left = Int(digits) else { return nil }
    if left > 0 {
      exchange.request.fields.set("Max-Forwards", "\(left - 1)")
      return nil
    }
    var response = Response(head: ResponseHead(status: 200), .generated)
    response.head.setContentLength(0)
    response.head.fields.append("Allow", exchange.behavior.allowedMethods.names.joined(separator: ", "))
    return response
  }
}
