// swift-tools-version:6.2
// The floors of the house: a target depends only on targets below its own line
// (Documentation/architecture.md). Read from the bottom up.
import PackageDescription

// What runs at every request stands together in a release, apart from what seldom runs: a processor waits for code more than for anything
// else (Benchmarks/README.md, "Where the code stands"). `make profile` counts what runs; a function that has changed since is laid out as if it
// had never been counted, and so is everything by a compiler that is older than the counts.
#if compiler(>=6.3)
  let counts: [SwiftSetting] = [
    Context.environment["SKERRY_COUNT"] == nil
      ? .unsafeFlags(["-Xfrontend", "-ir-profile-use=\(Context.packageDirectory)/Packaging/skerry.profdata"], .when(configuration: .release))
      : .unsafeFlags(["-Xfrontend", "-ir-profile-generate"])
  ]
#else
  let counts: [SwiftSetting] = []
#endif

let swiftSettings: [SwiftSetting] = counts + [
  .swiftLanguageMode(.v6),
  .strictMemorySafety(),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableExperimentalFeature("Lifetimes"),
  // The compiler proves exclusive access statically wherever it can. What it would check at run time is the state of classes that
  // one thread owns; those checks cost a proxied request 9,800 of 44,000 instructions. They are on in debug builds, where the
  // tests run, and off in releases. Bounds and overflow checks stay on in both.
  .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release)),
]

/// A Swift module of the house and, where it has some, its tests.
func floor(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: swiftSettings)
}
func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: dependencies, swiftSettings: swiftSettings)
}

let package = Package(
  name: "skerry",
  products: [.executable(name: "skerry", targets: ["skerry"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    // 8  the command line: one small file per command
    .executableTarget(
      name: "skerry",
      dependencies: [
        "Edge", "Confinement", "ControlPlane", "LoadGenerator", "Pipeline", "FunctionTier", "FunctionTesting", "RewriteEngine", "FunctionDialect", "ConfigurationFile", "RedirectRules",
        "Distribution", "KeyValueStores", "Transport", "JSONText",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: swiftSettings,
      // Immediate binding: a killed function may not leave the dynamic linker half way (rewrite-engine.md, rule 8).
      linkerSettings: [.unsafeFlags(["-Xlinker", "-z", "-Xlinker", "now"])]),

    // 7  assembling and operating a running proxy
    floor("Edge", ["ControlPlane", "Confinement", "Pipeline", "FunctionTier", "JSONText", "Distribution", "Transport", "TLS", "Telemetry"]),
    floor("ControlPlane", ["Pipeline", "FunctionTier", "ObjectCache", "Distribution", "RedirectRules", "KeyValueStores", "HTTPWire", "Transport", "Telemetry", "JSONText"]),
    tests("ControlPlaneTests", ["ControlPlane", "FunctionTier", "ObjectCache", "JSONText"]),

    // 7  load tests that verify what they measure
    floor("LoadGenerator", ["Origins", "RedirectRules", "HTTPWire", "Transport", "TLS", "JSONText", "CSystem", .product(name: "Histogram", package: "hdrhistogram-swift")]),
    tests("LoadGeneratorTests", ["LoadGenerator", "RedirectRules", "JSONText", .product(name: "Histogram", package: "hdrhistogram-swift")]),

    // 6  functions by themselves: one invocation, and test cases
    floor("FunctionTesting", ["RewriteEngine", "FunctionTier", "Telemetry", "ConfigurationFile", "Distribution", "HTTPWire", "KeyValueStores", "JSONText"]),
    tests("FunctionTestingTests", ["FunctionTesting", "ConfigurationFile", "RewriteEngine", "JSONText", "TestTools"]),

    // 6  the life of a request
    floor("Pipeline", ["RewriteEngine", "FunctionTier", "JSONText", "ObjectCache", "Origins", "Distribution", "Geography", "RedirectRules", "HTTPWire", "Transport", "TLS", "Telemetry", "CSystem"]),

    // 5  what a request meets on its way
    floor("RewriteEngine", ["Distribution", "KeyValueStores", "CQuickJS"]),
    floor("FunctionDialect", ["Distribution"]),
    .target(
      name: "FunctionTier", dependencies: ["Distribution", "JSONText", "HTTPWire", "Transport", "TLS", "Telemetry", "CSystem", "CArchive", "CSandbox"],
      resources: [.embedInCode("Bootstraps/nodejs.js"), .embedInCode("Bootstraps/python.py")], swiftSettings: swiftSettings),
    tests("FunctionTierTests", ["FunctionTier", "Distribution", "JSONText", "Transport", "TestTools"]),
    .executableTarget(name: "sandbox-probe", dependencies: ["FunctionTier", "Distribution"], path: "Tests/sandbox-probe", swiftSettings: swiftSettings + [.unsafeFlags(["-parse-as-library"])]),
    .testTarget(name: "SandboxTests", dependencies: ["sandbox-probe", "FunctionTier", "Distribution", "TestTools"], exclude: ["Hostile", "World", "Groups"], swiftSettings: swiftSettings),
    tests("FunctionDialectTests", ["FunctionDialect", "Distribution"]),
    floor("Origins", ["Distribution", "HTTPWire", "Transport", "TLS", "Telemetry", "CSystem"]),
    tests("OriginsTests", ["Origins", "Distribution", "HTTPWire", "Transport", "Telemetry", "TestTools"]),

    floor("ObjectCache", ["Distribution", "HTTPWire", "Transport", "Telemetry", "CSystem", "CCompression"]),
    tests("ObjectCacheTests", ["ObjectCache", "Distribution", "HTTPWire", "Transport", "Telemetry", "TestTools", "bench-cache"]),

    // 4  the model, and the file it is read from
    floor("ConfigurationFile", ["Distribution", "Geography", "KeyValueStores", "RedirectRules", "TLS", .product(name: "Yams", package: "Yams")]),
    floor("Distribution", ["Geography", "KeyValueStores", "RedirectRules", "TLS", "JSONText"]),
    tests("DistributionTests", ["Distribution", "TLS", "TestTools"]),
    .testTarget(
      name: "ConfigurationFileTests", dependencies: ["ConfigurationFile", "Distribution", "Geography", "KeyValueStores", "RedirectRules", "TLS"], exclude: ["Golden"],
      swiftSettings: swiftSettings),

    // 3  the data functions read
    floor("KeyValueStores", ["JSONText", "CQuickJS"]),
    tests("KeyValueStoresTests", ["KeyValueStores", "JSONText"]),

    // 3  tables of redirects: what they match, what is wrong with them, other forms of them
    floor("RedirectRules", ["JSONText", "CRE2"]),
    .testTarget(name: "RedirectRulesTests", dependencies: ["RedirectRules", "JSONText", "TestTools"], exclude: ["Golden"], swiftSettings: swiftSettings),

    // 3  HTTP on the wire
    floor("HTTPWire", ["Transport", "CSystem"]),

    // 2  event loop, sockets, buffers, names
    floor("Transport", ["TLS", "CSystem", "CAres"]),
    tests("ResolverTests", ["Transport", "CSystem", "TestTools"]),

    // 1  TLS: certificates, handshakes, records
    floor("TLS", ["COpenSSL"]),
    tests("TLSTests", ["TLS", "Transport", "COpenSSL", "TestTools"]),

    // 1  where addresses are
    floor("Geography", ["CMaxMind"]),
    tests("GeographyTests", ["Geography", "TestTools"]),

    // 1  JSON, with the place of everything
    floor("JSONText", ["CSystem"]),
    tests("JSONTextTests", ["JSONText"]),

    // 1  what the process may still do once it serves
    floor("Confinement", ["CConfinement"]),

    // 1  log records and counters
    floor("Telemetry", ["CSystem"]),
    tests("TelemetryTests", ["Telemetry"]),

    // 0  C: the only places that include it
    .target(name: "CSystem", cSettings: Context.environment["SKERRY_COMMIT"].map { [.define("SKERRY_COMMIT", to: "\"\($0)\"")] }),
    .target(name: "CConfinement", cSettings: [.unsafeFlags(["-Wall", "-Wextra"])], linkerSettings: [.linkedLibrary("seccomp")]),
    .target(name: "CSandbox", cSettings: [.unsafeFlags(["-Wall", "-Wextra"])], linkerSettings: [.linkedLibrary("seccomp")]),
    .target(
      name: "CCompression", cSettings: [.unsafeFlags(["-Wall", "-Wextra"])], linkerSettings: [.linkedLibrary("z"), .linkedLibrary("brotlienc")]),
    .target(name: "CArchive", cSettings: [.unsafeFlags(["-Wall", "-Wextra"])], linkerSettings: [.linkedLibrary("zip")]),
    .target(name: "CMaxMind", cSettings: [.unsafeFlags(["-Wall", "-Wextra"])], linkerSettings: [.linkedLibrary("maxminddb")]),
    .target(name: "CAres", linkerSettings: [.linkedLibrary("cares")]),
    .target(name: "CRE2", cxxSettings: [.unsafeFlags(["-std=c++17", "-O2", "-Wall", "-Wextra"])], linkerSettings: [.linkedLibrary("re2")]),
    .target(name: "COpenSSL", cSettings: [.unsafeFlags(["-Wall", "-Wextra"])], linkerSettings: [.linkedLibrary("ssl"), .linkedLibrary("crypto")]),
    .target(
      name: "CQuickJS",
      exclude: ["quickjs", "quickjs.patch", "fetch.sh"],
      cSettings: [
        // Optimised in debug builds too: limits measured on an -O0 engine would mean nothing.
        .unsafeFlags(["-O2", "-std=gnu11", "-fwrapv", "-funsigned-char", "-Wall", "-Wextra"]),
        .define("_GNU_SOURCE"), .define("NDEBUG"),
      ],
      linkerSettings: [
        .linkedLibrary("crypto"), .linkedLibrary("m"),
        // As for skerry: tests abandon runs too.
        .unsafeFlags(["-Xlinker", "-z", "-Xlinker", "now"]),
      ]),
    .testTarget(
      name: "RewriteEngineTests", dependencies: ["RewriteEngine", "KeyValueStores", "Distribution", "TestTools"], exclude: ["Hostile"], swiftSettings: swiftSettings),
    tests("HTTPWireTests", ["HTTPWire", "Transport", "CSystem", "TestTools"]),
    tests("PipelineTests", ["Pipeline", "Distribution", "Transport", "TLS", "TestTools"]),

    // What a person types
    .target(name: "TestTools", dependencies: ["Transport"], path: "Tests/TestTools", exclude: ["signatures.py"], swiftSettings: swiftSettings),
    tests("CommandTests", ["skerry", "JSONText", "TestTools"]),

    // The house seen from outside: scripted origin, the real program, scripted viewer
    tests("ScenarioTests", ["skerry", "JSONText", "TestTools"]),

    // What a confined process still can do, tried out by one
    .executableTarget(name: "confinement-probe", dependencies: ["Confinement", "CSystem"], path: "Tests/confinement-probe", swiftSettings: swiftSettings + [.unsafeFlags(["-parse-as-library"])]),

    tests("ConfinementTests", ["confinement-probe", "TestTools"]),

    // What can be measured without the network
    .executableTarget(name: "bench-redirects", dependencies: ["RedirectRules"], path: "Benchmarks/redirects", swiftSettings: swiftSettings + [.unsafeFlags(["-parse-as-library"])]),
    .executableTarget(name: "bench-stores", dependencies: ["KeyValueStores"], path: "Benchmarks/stores", swiftSettings: swiftSettings + [.unsafeFlags(["-parse-as-library"])]),

    .executableTarget(name: "bench-cache", dependencies: ["ObjectCache", "Transport"], path: "Benchmarks/cache", swiftSettings: swiftSettings + [.unsafeFlags(["-parse-as-library"])]),

    // Fuzzing the parsers: what must hold, the command that tries to break it, a short run of it as a test
    .target(name: "Fuzzing", dependencies: ["HTTPWire", "Transport", "KeyValueStores", "JSONText", "FunctionDialect", "FunctionTier", "Distribution", "RedirectRules"], path: "Fuzzing/Checks", swiftSettings: swiftSettings),
    .executableTarget(name: "fuzz-http1", dependencies: ["Fuzzing"], path: "Fuzzing/Command", swiftSettings: swiftSettings + [.unsafeFlags(["-parse-as-library"])]),
    .executableTarget(name: "fuzz-http2", dependencies: ["Fuzzing"], path: "Fuzzing/HTTP2Command", swiftSettings: swiftSettings + [.unsafeFlags(["-parse-as-library"])]),
    .executableTarget(name: "fuzz-json", dependencies: ["Fuzzing"], path: "Fuzzing/JSONCommand", swiftSettings: swiftSettings + [.unsafeFlags(["-parse-as-library"])]),
    .executableTarget(name: "fuzz-dialect", dependencies: ["Fuzzing"], path: "Fuzzing/DialectCommand", swiftSettings: swiftSettings + [.unsafeFlags(["-parse-as-library"])]),
    .executableTarget(name: "fuzz-redirects", dependencies: ["Fuzzing"], path: "Fuzzing/RedirectsCommand", swiftSettings: swiftSettings + [.unsafeFlags(["-parse-as-library"])]),
    .executableTarget(name: "fuzz-events", dependencies: ["Fuzzing"], path: "Fuzzing/EventCommand", swiftSettings: swiftSettings + [.unsafeFlags(["-parse-as-library"])]),
    .executableTarget(name: "fuzz-proxy-header", dependencies: ["Fuzzing"], path: "Fuzzing/ProxyHeaderCommand", swiftSettings: swiftSettings + [.unsafeFlags(["-parse-as-library"])]),
    // Fuzzing the engine: its C side only, built by SwiftPM for the short run and by `make fuzz-engine` under AddressSanitizer
    .target(name: "FuzzEngine", dependencies: ["CQuickJS"], path: "Fuzzing/Engine", exclude: ["Functions"]),
    tests("FuzzTests", ["Fuzzing", "FuzzEngine", "TestTools"]),

    // Engine time without the network (Benchmarks/README.md)
    .executableTarget(
      name: "bench-engine", dependencies: ["RewriteEngine"], path: "Benchmarks/engine", exclude: ["functions"],
      swiftSettings: swiftSettings),
  ]
)
