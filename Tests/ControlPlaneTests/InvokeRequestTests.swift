// Lambda's Invoke as it is asked for and answered (spec/api.md, 1.3).
@testable import ControlPlane
import FunctionTier
import Testing

@Suite struct InvokeRequestTests {
  @Test(arguments: [
    ("f", "", "f", nil), ("f:3", "", "f", "3"), ("f", "Qualifier=live", "f", "live"), ("f:live", "Qualifier=live", "f", "live"), ("f:%24LATEST", "", "f", nil),
    ("f", "Qualifier=%24LATEST", "f", nil), ("arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af", "", "f", nil),
    ("arn:aws:lambda:us-east-1:000000000000:function:f:7", "", "f", "7"), ("000000000000:function:f", "", "f", nil), ("a%20b", "x=1&Qualifier=2", "a b", "2"),
  ] as [(String, String, String, String?)])
  func names(_ name: String, _ query: String, _ function: String, _ qualifier: String?) throws {
    let path = "/2015-03-31/functions/\(name)/invocations"
    #expect(InvokeRequest.isPath(path))
    let request = try InvokeRequest(path: path, query: query, type: nil, logType: nil, clientContext: nil)
    #expect(request.function == function && request.qualifier == qualifier && request.kind == .requestResponse && !request.wantsLog)
  }

  @Test(arguments: [
    ("f", "Qualifier=a%0d%0aX-Y:%20z", nil, nil, nil), ("f:a%0ab", "", nil, nil, nil), ("f:1:2", "", nil, nil, nil), (":1", "", nil, nil, nil), ("f:1", "Qualifier=2", nil, nil, nil), ("f", "", "Later", nil, nil), ("f", "", nil, "Head", nil),
    ("f", "", nil, nil, "not base64"), ("f", "", nil, nil, "W10="),
  ] as [(String, String, String?, String?, String?)])
  func refused(_ name: String, _ query: String, _ type: String?, _ log: String?, _ context: String?) {
    #expect(throws: InvokeFailure.self) {
      try InvokeRequest(path: "/2015-03-31/functions/\(name)/invocations", query: query, type: type, logType: log, clientContext: context)
    }
  }

  @Test func otherPathsAreNone() {
    for path in ["/2015-03-31/functions//invocations", "/2015-03-31/functions/f", "/functions/f/invocations", "/2015-03-31/functions/invocations"] {
      #expect(!InvokeRequest.isPath(path), "\(path)")
    }
  }

  @Test func outcomes() {
    var report = InvocationReport()
    report.logTail = Array("hi".utf8)
    let result = AdminPages.Page(.result(Array("{\"a\":1}".utf8), report), wantsLog: true)
    #expect(result.status == 200 && result.body == "{\"a\":1}" && result.fields == "X-Amz-Executed-Version: $LATEST\r\nx-amzn-RequestId: \r\nX-Amz-Log-Result: aGk=\r\n")
    func failed(_ kind: InvocationFailure.Kind) -> AdminPages.Page {
      var failure = InvocationFailure(kind, errorType: "E", errorMessage: "m", trace: ["t"])
      if kind == .exited { failure.traceName = "stackTrace" }
      return AdminPages.Page(.failed(failure, report), wantsLog: false)
    }
    #expect(failed(.unhandled).body == #"{"errorType":"E","errorMessage":"m","trace":["t"]}"# && failed(.unhandled).fields.contains("X-Amz-Function-Error: Unhandled"))
    #expect(failed(.exited).status == 200 && failed(.exited).body.contains("stackTrace"))
    #expect(failed(.throttled(.account)).status == 429 && failed(.throttled(.account)).body.contains("\"Reason\":\"ConcurrentInvocationLimitExceeded\""))
    #expect(failed(.disabled).fields.contains("x-amzn-ErrorType: TooManyRequestsException"))
    #expect(failed(.notStarted).status == 502)
  }
}
