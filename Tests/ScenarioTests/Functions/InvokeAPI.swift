// Lambda's Invoke on the admin address, as AWS's own client asks for it (spec/api.md 1.3; issue 7, point 7).
import Foundation
import Testing

extension Scenarios {
  @Suite struct InvokeAPI {
    private static let code = """
      exports.handler = async (event, context) => {
        if (event.bad) throw new RangeError('on purpose');
        if (event.wait) await new Promise((resolve) => setTimeout(resolve, event.wait));
        console.log('said', event.a);
        return { event, version: context.functionVersion, client: context.clientContext && context.clientContext.custom };
      };
      """

    private func program(_ settings: String = "", more: String = "") throws -> Skerry {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok() } }
      return try startSkerry(
        before: origin, more: "functions: { f: { runtime: nodejs20.x, code: f\(settings) }, off: { runtime: nodejs20.x, code: f, reservedConcurrency: 0 } }\n" + more,
        files: ["f/index.js": Self.code])
    }

    private func invoke(_ name: String, _ payload: String, _ skerry: Skerry, fields: String = "", credential: Bool = true) throws -> Response {
      try ask(name, payload, skerry, fields: fields + "Connection: close\r\n", credential: credential).readResponse()
    }

    private func ask(_ name: String, _ payload: String, _ skerry: Skerry, fields: String = "", credential: Bool = true) throws -> ScriptedViewer {
      let token = try fileText(skerry.folder.appendingPathComponent(".skerry/admin-token").path).trimmingCharacters(in: .whitespacesAndNewlines)
      let authorization = credential ? "Authorization: AWS4-HMAC-SHA256 Credential=\(token)/20261121/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=0\r\n" : ""
      let connection = try skerry.adminConnection()
      try connection.send("POST /2015-03-31/functions/\(name)/invocations HTTP/1.1\r\nHost: 127.0.0.1:\(skerry.adminPort)\r\n\(authorization)\(fields)Content-Length: \(wire(payload).count)\r\n\r\n\(payload)")
      return connection
    }

    /// The end of the process waits for invocations that run, as long as it waits for viewers; their connections take no further one.
    @Test func aDrainWaitsForInvocations() throws {
      let skerry = try program(", timeout: 20s", more: "shutdownTimeout: 60s")
      let asked = try ask("f", "{\"a\":1,\"wait\":1500}", skerry)
      try eventually("the invocation to run") { try skerry.metrics()["skerry_lambda_concurrent_executions{function=\"f\"}"] == 1 }
      skerry.send(signal: SIGTERM)
      let response = try asked.readResponse()
      #expect(response.status == 200 && response.bodyText.contains("\"a\":1") && response.fields["connection"] == "close")
      #expect(try skerry.waitForExit() == .status(0))
      #expect(!skerry.standardError.contains("not answered"))
    }

    @Test func answers() throws {
      let skerry = try program()
      let good = try invoke("f", "{\"a\":1}", skerry, fields: "X-Amz-Log-Type: Tail\r\nX-Amz-Client-Context: eyJjdXN0b20iOnsiayI6InYifX0=\r\n")
      #expect(good.status == 200 && good.bodyText == #"{"event":{"a":1},"version":"$LATEST","client":{"k":"v"}}"# && good.fields["x-amz-executed-version"] == "$LATEST")
      let log = Data(base64Encoded: good.fields["x-amz-log-result"] ?? "").map { String(decoding: $0, as: UTF8.self) } ?? ""
      #expect(log.contains("START RequestId: ") && log.contains("said 1") && log.contains("REPORT RequestId: "), "\(log)")
      let bad = try invoke("f", "{\"bad\":true}", skerry)
      #expect(bad.status == 200 && bad.fields["x-amz-function-error"] == "Unhandled" && bad.bodyText.hasPrefix(#"{"errorType":"RangeError","errorMessage":"on purpose","trace":["#), "\(bad.bodyText)")
      #expect(try invoke("f", "", skerry, fields: "X-Amz-Invocation-Type: DryRun\r\n").status == 204)
      for (response, status, code) in [
        (try invoke("nobody", "{}", skerry), 404, "ResourceNotFoundException"), (try invoke("f", "{", skerry), 400, "InvalidRequestContentException"),
        (try invoke("f", "{}", skerry, fields: "X-Amz-Invocation-Type: Later\r\n"), 400, "InvalidParameterValueException"),
        (try invoke("f", "\u{ef}\u{bb}\u{bf}{}", skerry), 400, "InvalidRequestContentException"),
        (try invoke("f", "\u{ef}\u{bb}\u{bf}{}", skerry, fields: "X-Amz-Invocation-Type: Event\r\n"), 400, "InvalidRequestContentException"),
        (try invoke("off", "{}", skerry), 429, "TooManyRequestsException"),
      ] { #expect(response.status == status && response.fields["x-amzn-errortype"] == code, "\(response.line) \(response.bodyText)") }
      #expect(try invoke("off", "{}", skerry).bodyText.contains(#""Reason":"ReservedFunctionConcurrentInvocationLimitExceeded""#))
      #expect(try invoke("f", "{}", skerry, credential: false).status == 401)
    }

    /// Accepted is kept: the process is killed at once, and the next one runs it.
    @Test func eventsOutliveTheProcess() throws {
      let skerry = try program(", asynchronous: { onSuccess: done/success }")
      try FileManager.default.createDirectory(at: skerry.folder.appendingPathComponent("done"), withIntermediateDirectories: true)
      let accepted = try invoke("f", "{\"a\":7}", skerry, fields: "X-Amz-Invocation-Type: Event\r\n")
      #expect(accepted.status == 202 && accepted.bodyText == "")
      skerry.send(signal: SIGKILL)
      _ = try skerry.waitForExit()
      let done = skerry.folder.appendingPathComponent("done/success").path
      let second = try ChildProcess([Skerry.binary(), "serve", skerry.folder.appendingPathComponent("edge.yaml").path], environment: [:])
      defer { second.signal(SIGKILL) }
      let record: String = try eventually("the event to be run") { (try? fileText(done)).flatMap { $0.hasSuffix("\n") ? $0 : nil } }
      #expect(record.contains(#""condition":"Success""#) && record.contains(#""requestPayload":{"a":7}"#))
      withExtendedLifetime(skerry) {}   // its folder goes with it
    }

    static let python: String? = ["python3", "/usr/bin/python3"].first { name in
      (try? ChildProcess(["/usr/bin/env", name, "-c", "import boto3"]).waitForExit(by: .generous)) == .status(0)
    }

    @Test(.enabled(if: python != nil, "there is no boto3")) func boto3() throws {
      let skerry = try program(), python = try #require(Self.python)
      let script = """
        import base64, boto3, json, sys
        from botocore.config import Config
        port, token = sys.argv[1:]
        client = boto3.client('lambda', endpoint_url='http://127.0.0.1:' + port, region_name='us-east-1', aws_access_key_id=token, aws_secret_access_key='any', config=Config(retries={'max_attempts': 0}))
        good = client.invoke(FunctionName='f', Payload=json.dumps({'a': 1}), LogType='Tail', ClientContext=base64.b64encode(b'{"custom":{"k":"v"}}').decode())
        assert good['StatusCode'] == 200 and good['ExecutedVersion'] == '$LATEST' and 'FunctionError' not in good, good
        assert json.load(good['Payload']) == {'event': {'a': 1}, 'version': '$LATEST', 'client': {'k': 'v'}}
        assert b'said 1' in base64.b64decode(good['LogResult'])
        bad = client.invoke(FunctionName='arn:aws:lambda:us-east-1:000000000000:function:f', Payload=b'{"bad":true}')
        assert bad['FunctionError'] == 'Unhandled' and json.load(bad['Payload'])['errorType'] == 'RangeError', bad
        assert client.invoke(FunctionName='f', InvocationType='DryRun')['StatusCode'] == 204
        assert client.invoke(FunctionName='f', InvocationType='Event', Payload=b'{}')['StatusCode'] == 202
        for call, error in [(dict(FunctionName='nobody'), client.exceptions.ResourceNotFoundException), (dict(FunctionName='f', Payload=b'{'), client.exceptions.InvalidRequestContentException)]:
            try: client.invoke(**call)
            except error: pass
            else: raise AssertionError(call)
        try: client.invoke(FunctionName='off')
        except client.exceptions.TooManyRequestsException as error: assert error.response['Reason'] == 'ReservedFunctionConcurrentInvocationLimitExceeded', error.response
        print('good')
        """
      try skerry.write(script, to: "invoke.py")
      let token = try fileText(skerry.folder.appendingPathComponent(".skerry/admin-token").path).trimmingCharacters(in: .whitespacesAndNewlines)
      let run = try ChildProcess(
        ["/usr/bin/env", python, skerry.folder.appendingPathComponent("invoke.py").path, String(skerry.adminPort), token])
      let exit = try run.waitForExit(by: .generous)
      #expect(exit == .status(0), "\(run.standardError.current.text)")
    }
  }
}
