// The section `limits`: one table of names, places and ranges.
// Source: Distribution/Limits.swift has the meaning and default of each.
import Distribution
import KeyValueStores

extension Reader {
  /// What kind of quantity a limit is, where it is kept and what it may be.
  private enum Row {
    case count(String, WritableKeyPath<Limits, Int>, ClosedRange<Int>)
    case size(String, WritableKeyPath<Limits, Int>, ClosedRange<Int>)
    case time(String, WritableKeyPath<Limits, Duration>, ClosedRange<Duration>)
  }

  func limits(_ value: Value) -> Limits {
    var limits = Limits()
    guard let section = value.section("limits") else { return limits }
    let times = Duration.milliseconds(1) ... .seconds(86400)
    let counts = 1...1_000_000
    read(
      [
        .size("urlBytes", \.urlBytes, 16...1 << 20),
        .size("headBytes", \.headBytes, 256...1 << 20),
        .count("headerCount", \.headerCount, 1...128),
        .count("connectionOptions", \.connectionOptions, 1...1024),
        .time("headerTimeout", \.headerTimeout, times),
        .time("tlsHandshakeTimeout", \.tlsHandshakeTimeout, times),
        .time("idleTimeout", \.idleTimeout, times),
        .time("keepAliveTimeout", \.keepAliveTimeout, times),
        .size("minimumBodyRate", \.minimumBodyRateBytesPerSecond, 0...1 << 30),
        .time("minimumBodyRateGrace", \.minimumBodyRateGrace, times),
        .size("discardedBodyBytes", \.discardedBodyBytes, 0...64 << 20),
        .time("errorBodyTimeout", \.errorBodyTimeout, times),
        .time("tunnelIdleTimeout", \.tunnelIdleTimeout, times),
        .count("formerConfigurations", \.formerConfigurations, 0...10_000),
        .count("connectionsPerWorker", \.connectionsPerWorker, counts),
        .count("connectionsPerClientAddress", \.connectionsPerClientAddress, counts),
        .size("proxyHeaderBytes", \.proxyHeaderBytes, 107...65_551),
        .time("proxyHeaderTimeout", \.proxyHeaderTimeout, times),
        .count("proxyHeadersWaiting", \.proxyHeadersWaiting, counts),
        .count("adminConnections", \.adminConnections, 1...10_000),
        .count("requestsPerConnection", \.requestsPerConnection, 0...1_000_000_000),
        .size("originHeadBytes", \.originHeadBytes, 256...1 << 20),
        .count("originHeaderCount", \.originHeaderCount, 1...128),
        .count("functionOriginsPerWorker", \.functionOriginsPerWorker, counts),
        .count("rateLimitBuckets", \.rateLimitBuckets, 512...16_777_216),
        .count("verifiedSignaturesPerWorker", \.verifiedSignaturesPerWorker, 0...1_000_000),
      ], section, &limits)
    if let engine = section.optional("rewriteEngine")?.section("rewriteEngine") {
      read(
        [
          .time("cpuTime", \.rewriteEngine.cpuTime, .milliseconds(1) ... .seconds(10)),
          .size("memory", \.rewriteEngine.memoryBytes, 256 << 10...256 << 20),
          .count("isolatesPerWorker", \.rewriteEngine.isolatesPerWorker, 1...65536),
          .count("throttleKills", \.rewriteEngine.throttleKills, counts),
          .time("throttleWindow", \.rewriteEngine.throttleWindow, times),
          .count("waitingRuns", \.rewriteEngine.waitingRuns, 1...65536),
          .size("rememberedBytes", \.rewriteEngine.rememberedBytes, 0...16 << 20),
        ], engine, &limits)
      engine.finish()
    }
    if let stores = section.optional("keyValueStores")?.section("keyValueStores") {
      read(
        [
          .size("file", \.keyValueStores.fileBytes, 1024...2 << 30),
          .size("key", \.keyValueStores.keyBytes, 1...1 << 20),
          .size("value", \.keyValueStores.valueBytes, 1...64 << 20),
        ], stores, &limits)
      stores.finish()
    }
    if let dns = section.optional("dns")?.section("dns") {
      let ages = Duration.zero ... .seconds(7 * 86400)
      read(
        [
          .time("minimumTTL", \.dns.minimumTTL, ages), .time("maximumTTL", \.dns.maximumTTL, ages),
          .time("negativeTTL", \.dns.negativeTTL, ages), .time("staleTTL", \.dns.staleTTL, ages),
          .time("timeout", \.dns.timeout, times), .count("names", \.dns.names, counts),
        ], dns, &limits)
      if limits.dns.minimumTTL > limits.dns.maximumTTL {
        dns.value.error("minimumTTL cannot be longer than maximumTTL")
      }
      dns.finish()
    }
    if let cache = section.optional("cache")?.section("cache") {
      read(
        [
          .size("objectBytes", \.cache.objectBytes, 1_024...1 << 40), .size("keyBytes", \.cache.keyBytes, 256...65_535),
          .size("sliceBytes", \.cache.sliceBytes, 1024...1 << 30), .size("windowBytes", \.cache.windowBytes, 65_536...1 << 30), .size("abandonedFillBytes", \.cache.abandonedFillBytes, 0...1 << 40),
          .count("fillAttempts", \.cache.fillAttempts, 1...100), .count("passMarks", \.cache.passMarks, counts),
          .count("invalidations", \.cache.invalidations, counts), .count("diskWrites", \.cache.diskWrites, counts),
          .count("diskReads", \.cache.diskReads, counts),
        ], cache, &limits)
      cache.finish()
    }
    if let http2 = section.optional("http2")?.section("http2") {
      read(Self.http2Rows, http2, &limits)
      if limits.http2.streamWindowBytes > limits.http2.connectionWindowBytes {
        http2.value.error("streamWindowBytes cannot be more than connectionWindowBytes, which all streams share")
      }
      http2.finish()
    }
    if limits.urlBytes > limits.headBytes { value.error("urlBytes cannot be more than headBytes, which contain the URL") }
    section.finish()
    return limits
  }

  /// Windows are at least the protocol's own first ones (RFC 9113, 6.9.2).
  private static var http2Rows: [Row] {
    let counts = 0...1_000_000, windows = 65_535...1 << 30
    return [
      .count("concurrentStreams", \.http2.concurrentStreams, 1...65_536),
      .size("streamWindowBytes", \.http2.streamWindowBytes, windows),
      .size("connectionWindowBytes", \.http2.connectionWindowBytes, windows),
      .size("sendBufferBytes", \.http2.sendBufferBytes, 4_096...1 << 26),
      .count("continuationFrames", \.http2.continuationFrames, counts),
      .time("floodInterval", \.http2.floodInterval, .milliseconds(1) ... .seconds(86_400)),
      .count("abandonedStreams", \.http2.abandonedStreams, counts),
      .count("settingsFrames", \.http2.settingsFrames, 1...1_000_000),
      .count("pingFrames", \.http2.pingFrames, counts),
      .count("windowUpdates", \.http2.windowUpdates, counts),
      .count("emptyFrames", \.http2.emptyFrames, counts),
      .count("otherFrames", \.http2.otherFrames, counts),
      .count("ignoredFrames", \.http2.ignoredFrames, counts),
      .time("settingsTimeout", \.http2.settingsTimeout, .milliseconds(1) ... .seconds(86_400)),
    ]
  }

  private func read(_ rows: [Row], _ section: Section, _ limits: inout Limits) {
    for row in rows {
      switch row {
      case .count(let name, let path, let range):
        if let number = section.optional(name)?.wholeNumber(range) { limits[keyPath: path] = number }
      case .size(let name, let path, let range):
        if let bytes = section.optional(name)?.byteCount(range) { limits[keyPath: path] = bytes }
      case .time(let name, let path, let range):
        if let duration = section.optional(name)?.duration(range) { limits[keyPath: path] = duration }
      }
    }
  }
}
