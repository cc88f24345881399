// Asking a server whether redirect targets are there (`skerry redirects check --origin`): each target once, a few at a time.
import ConfigurationFile
import Foundation
import LoadGenerator
import RedirectRules

struct TargetProbe {
  /// Requests at once, and how long one may take.
  private static let concurrency = 16, timeoutMilliseconds = 10_000
  private let origin: String
  private let options: LoadOptions

  /// - Parameters:
  ///   - authorities: a file of authorities that are trusted instead of the system's.
  ///   - verifies: whether the certificate must be good.
  /// - Throws: ``Refusal`` for what is no `http://` or `https://` address.
  init(_ origin: String, authorities: String?, verifies: Bool) throws {
    guard let target = try? LoadTarget(origin), target.path == "/" else {
      throw Refusal("--origin takes an address such as http://127.0.0.1:3000 or https://www.example.com, not \(origin.quoted)")
    }
    if !target.isSecure && (authorities != nil || !verifies) { throw Refusal("--cacert and --insecure are for an --origin that is https://") }
    self.origin = origin
    var options = LoadOptions(target)
    options.connections = Self.concurrency
    options.timeoutMilliseconds = Self.timeoutMilliseconds
    options.certificateAuthority = authorities.map { URL(fileURLWithPath: $0).path }
    options.verifiesCertificate = verifies
    self.options = options
  }

  /// Rules whose target is a path at which nothing is. A target is asked for once.
  /// - Throws: ``Refusal`` when the server is not who it should be.
  func deadTargets(of table: RedirectTable) throws -> [RedirectFinding] {
    var lines: [String: [Int]] = [:], targets: [String] = []
    for index in 0..<table.count {
      let rule = table.rule(index)
      // What a capture completes is a place for each request.
      guard rule.kind == .exact, rule.to.hasPrefix("/"), !rule.to.hasPrefix("//") else { continue }
      let target = String(rule.to.prefix { $0 != "#" })
      if lines[target] == nil { targets.append(target) }
      lines[target, default: []].append(index)
    }
    let outcomes = try ask(targets)
    return try zip(targets, outcomes).flatMap { target, outcome throws -> [RedirectFinding] in
      let reason: String
      switch outcome {
      case .status(let status):
        if status < 400 { return [] }
        reason = "answers \(status)"
      case .none(let why): reason = "gets no answer: \(why)"
      case .untrusted(let why): throw Refusal("\(origin) is not asked: \(why); --cacert names who is to be trusted, --insecure trusts anybody")
      }
      return (lines[target] ?? []).map { index in
        let rule = table.rule(index)
        return RedirectFinding(.deadTarget, line: rule.line, example: rule.from, target: target, "\(target) \(reason)")
      }
    }
  }

  private func ask(_ targets: [String]) throws -> [TargetSurvey.Outcome] {
    let survey = TargetSurvey(options)
    let result = blocking { () async -> Result<[TargetSurvey.Outcome], LoadProblem> in
      do throws(LoadProblem) { return .success(try await survey.ask(targets)) } catch { return .failure(error) }
    }
    do throws(LoadProblem) { return try result.get() } catch { throw Refusal(error.text) }
  }
}
