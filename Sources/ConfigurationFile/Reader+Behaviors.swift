// Behaviors: their order, their target, their policies and functions.
// Source: spec/request-pipeline.md 2, 8, spec/cloudfront-functions.md 1; design/configuration.md.
import Distribution

extension Reader {
  /// The behaviors in matching order, the default one last.
  func behaviors(_ section: Section, _ distribution: Distribution) -> [Behavior] {
    var behaviors: [Behavior] = [], patterns: [PathPattern] = []
    let value = section.optional("behaviors")
    let items = value?.items(of: "a behavior") ?? []
    if let value, items.count > 75 { refuse(value, "a distribution has at most 75 behaviors") }
    for item in items {
      guard let content = item.section("a behavior") else { continue }
      let pathValue = content.required("path", or: "pathPattern")
      let pattern = pathValue.flatMap(pathPattern)
      // A path that could not be read hides no other one.
      if let pathValue, let pattern {
        reportUnreachable(pathValue, pattern, patterns)
        if patterns.count < Reader.maximumComparedPatterns { patterns.append(pattern) }
      }
      notePlace(of: item)
      behaviors.append(behavior(content, pattern ?? PathPattern(""), distribution))
      content.finish()
    }
    // Without it there is nothing to serve; a placeholder keeps the promise that the last one is the default.
    guard let last = section.required("defaultBehavior"), let content = last.section("defaultBehavior") else {
      return behaviors + [Behavior(pathPattern: .all, target: .origin(0))]
    }
    notePlace(of: last)
    behaviors.append(behavior(content, .all, distribution))
    content.finish()
    return behaviors
  }

  private func notePlace(of behavior: Value) {
    if !places.isEmpty { places[places.count - 1].behaviors.append(.init(line: behavior.line, column: behavior.column)) }
  }

  private func pathPattern(_ value: Value) -> PathPattern? {
    guard let text = value.text("a path pattern such as /images/*") else { return nil }
    if let problem = PathPattern.problem(in: text) {
      value.error(problem)
      return nil
    }
    return PathPattern(text)
  }

  /// How many patterns those behind them are compared with: every one of CloudFront's 75, and the work of a longer list has an end.
  static let maximumComparedPatterns = 256

  /// A pattern that an earlier one hides is a mistake: the first match wins.
  private func reportUnreachable(_ value: Value, _ pattern: PathPattern, _ earlier: [PathPattern]) {
    if earlier.contains(where: { $0.bytes == pattern.bytes }) {
      refuseOrWarn(value, "never reached: an earlier behavior has the same path \(pattern.text)")
    } else if let hiding = earlier.first(where: { $0.covers(pattern) }) {
      value.warning("never reached: the earlier path \(hiding.text) matches \(hiding.isCatchAll ? "everything" : "whatever \(pattern.text) does")")
    }
  }

  private func behavior(_ section: Section, _ pattern: PathPattern, _ distribution: Distribution) -> Behavior {
    let targetValue = section.required("origin", or: "targetOriginId")
    let cacheValue = section.optional("cachePolicy")
    let requestValue = section.optional("originRequestPolicy")
    if cacheValue == nil && requestValue == nil {
      section.value.warning(
        "without cachePolicy and originRequestPolicy the origin sees no query string and no cookies (CloudFront's rule); "
          + "to send everything add originRequestPolicy: AllViewer")
    } else if cacheValue == nil, let requestValue {
      refuse(requestValue, "an originRequestPolicy needs a cachePolicy")
    }
    var behavior = Behavior(
      pathPattern: pattern, target: targetValue.flatMap { target($0, distribution) } ?? .origin(0),
      viewerProtocolPolicy: section.choice("viewerProtocolPolicy", default: .allowAll),
      allowedMethods: section.optional("allowedMethods").flatMap(methods) ?? .getHead,
      cachePolicy: policy(cacheValue, own: cachePolicies),
      originRequestPolicy: policy(requestValue, own: originRequestPolicies),
      responseHeadersPolicy: policy(section.optional("responseHeadersPolicy"), own: responseHeadersPolicies),
      compress: section.flag("compress", default: false),
      functions: section.optional("functions").map(associations) ?? FunctionAssociations(),
      redirects: redirectTable(section.optional("redirects")))
    if let value = section.optional("cachedMethods") { behavior.cachedMethods = cachedMethods(value, behavior) }
    readGRPC(section, &behavior)
    behavior.rateLimit = section.optional("rateLimit").flatMap(rateLimit)
    if let value = section.optional("trustedKeyGroups") { behavior.trustedKeyGroups = trustedKeyGroups(value) }
    return behavior
  }

  /// GET and HEAD, or those and OPTIONS.
  private func cachedMethods(_ value: Value, _ behavior: Behavior) -> MethodSet {
    let names = value.texts(of: "a method such as GET") ?? []
    let methods = names.reduce(into: MethodSet()) { methods, name in
      if let known = MethodSet.named.first(where: { $0.name == name }) { methods.insert(known.method) }
    }
    guard [.getHead, .getHeadOptions].contains(methods), names.count == methods.names.count else {
      value.error("cachedMethods are GET and HEAD, or those and OPTIONS")
      return .getHead
    }
    if !behavior.allowedMethods.isSuperset(of: methods) { value.error("cachedMethods must be among allowedMethods") }
    return methods
  }

  /// `grpcConfig: { enabled: true }`; a gRPC call is a POST.
  private func readGRPC(_ section: Section, _ behavior: inout Behavior) {
    guard let value = section.optional("grpcConfig"), let content = value.section("grpcConfig") else { return }
    behavior.allowsGRPC = content.flag("enabled", default: false)
    if behavior.allowsGRPC && !behavior.allowedMethods.contains(.post) { value.error("gRPC needs POST among allowedMethods") }
    content.finish()
  }

  private func target(_ value: Value, _ distribution: Distribution) -> BehaviorTarget? {
    guard let name = value.nonEmptyText("the name of an origin or an origin group") else { return nil }
    if let index = distribution.origins.firstIndex(where: { $0.name == name }) { return .origin(index) }
    if let index = distribution.originGroups.firstIndex(where: { $0.name == name }) { return .group(index) }
    let names = distribution.origins.map(\.name) + distribution.originGroups.map(\.name)
    value.error("there is no origin or origin group \(name.quoted)\(Suggestion.text(for: name, among: names))")
    return nil
  }

  private func methods(_ value: Value) -> MethodSet? {
    guard let items = value.items(of: "a method") else { return nil }
    if items.isEmpty { value.error("at least one method is needed") }
    var methods: MethodSet = []
    for item in items {
      guard let name = item.nonEmptyText("a method such as GET") else { continue }
      if let known = MethodSet.named.first(where: { $0.name == name }) {
        methods.insert(known.method)
      } else {
        item.error("there is no method \(name.quoted)\(Suggestion.text(for: name, among: MethodSet.named.map(\.name)))")
      }
    }
    if ![.getHead, .getHeadOptions, .all].contains(methods) {
      refuse(value, "allowedMethods are GET and HEAD, or those and OPTIONS, or all seven")
    }
    return methods
  }

  private func associations(_ value: Value) -> FunctionAssociations {
    var associations = FunctionAssociations()
    guard let section = value.section("functions") else { return associations }
    var viewerSide: [Value] = []
    for hook in HookPoint.allCases {
      guard let value = section.optional(hook.rawValue) else { continue }
      if value.isList {
        value.error("there is at most one function per event")
        continue
      }
      guard let reference = function(value, at: hook) else { continue }
      associations[hook] = reference
      if hook == .viewerRequest || hook == .viewerResponse { viewerSide.append(value) }
    }
    section.finish()
    if let request = associations.viewerRequest, let response = associations.viewerResponse, viewerSide.count == 2,
      !unknownRuntimes.contains(request.index), !unknownRuntimes.contains(response.index),
      functions[request.index].runtime.isRewriteEngine != functions[response.index].runtime.isRewriteEngine
    {
      refuseOrWarn(
        viewerSide[1], "CloudFront Functions and Lambda@Edge cannot both serve the viewer events of one behavior")
    }
    return associations
  }

  /// `name`, `name:3` or `name:live`.
  private func function(_ value: Value, at hook: HookPoint) -> FunctionReference? {
    guard let text = value.nonEmptyText("the name of a function") else { return nil }
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let name = String(parts[0])
    guard let index = functions.firstIndex(where: { $0.name == name }) else {
      value.error("there is no function \(name.quoted)\(Suggestion.text(for: name, among: functions.map(\.name)))")
      return nil
    }
    var reference = FunctionReference(index: index, qualifier: parts.count > 1 ? String(parts[1]) : nil)
    // Of a function whose runtime nobody knows, all has been said.
    if unknownRuntimes.contains(index) { return reference }
    if let qualifier = reference.qualifier {
      if qualifier.isEmpty {
        value.error("a version or an alias must follow the colon in \(text.quoted)")
      } else if functions[index].runtime.isRewriteEngine {
        value.error("\(name) runs in the rewrite engine, which has no versions and aliases")
      } else if qualifier == FunctionReference.newest {
        reference.qualifier = nil
      } else if FunctionReference.isVersion(qualifier) || FunctionReference.isAlias(qualifier) {
        problems.publishedNames.append(PublishedName(function: name, qualifier: qualifier, file: value.file, line: value.line, column: value.column))
      } else {
        value.error("\(qualifier.quoted) is neither a version's number nor an alias, which has letters, digits, '-' and '_'")
      }
    }
    checkPlace(value, reference, hook)
    return reference
  }

  private func checkPlace(_ value: Value, _ reference: FunctionReference, _ hook: HookPoint) {
    let function = functions[reference.index]
    if function.runtime.isRewriteEngine {
      if hook == .originRequest || hook == .originResponse {
        value.error(
          "a \(function.runtime.name) function runs at viewer-request or viewer-response, not at \(hook.rawValue)")
      }
    } else {
      let limits = LambdaEdgeLimits(at: hook, lambdaEdgeLimits)
      if function.tier.timeout > limits.timeout || function.tier.memoryMB > limits.memoryMB {
        value.error(
          "\(function.name) has \(function.tier.timeout.components.seconds) s and \(function.tier.memoryMB) MB; at \(hook.rawValue) it may have \(limits.timeout.components.seconds) s and \(limits.memoryMB) MB (lambdaEdgeLimits: \(lambdaEdgeLimits.rawValue))")
      }
      if function.codePath.hasSuffix(".zip"), let size = Files.size(of: function.codePath), size > limits.codeBytes {
        value.error("the code of \(function.name) has \(size) bytes; at \(hook.rawValue) it may have \(limits.codeBytes) (lambdaEdgeLimits: \(lambdaEdgeLimits.rawValue))")
      }
      if reference.qualifier == nil {
        refuse(value, "a Lambda@Edge function is associated by a version, such as \(function.name):1")
      } else if Int(reference.qualifier ?? "") == nil {
        refuse(value, "a Lambda@Edge function is associated by a version's number, not by an alias")
      }
    }
    if let meant = eventTypes[reference.index], meant != hook {
      value.warning("\(function.name) says in its own settings that it is for \(meant.rawValue)")
    }
  }
}
