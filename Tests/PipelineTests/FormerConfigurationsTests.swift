// What reloads have replaced goes when its last user is gone, and on the thread that keeps it: a distribution outlives its configuration.
import Distribution
@testable import Pipeline
import Testing
import Transport

@Suite struct FormerConfigurationsTests {
  private func configuration() throws -> ServingConfiguration {
    let behavior = Behavior(pathPattern: .all, target: .origin(0))
    return try ServingConfiguration(Configuration(distributions: [Distribution(id: "E1", origins: [], behaviors: [behavior])]), files: try BlockingPool())
  }

  @Test func nothingGoesBeforeItsLastUser() throws {
    var former = FormerConfigurations()
    var used: ServingConfiguration? = try configuration()
    weak let configuration = used
    weak let site = used?.sites[0]
    former.replaced(try #require(used))
    former.letGo()
    #expect(configuration != nil && !former.isEmpty)
    // A worker has let go of the configuration; a tunnel holds its distribution still.
    var tunnel = site
    used = nil
    former.letGo()
    #expect(configuration == nil && site != nil && !former.isEmpty)
    // The tunnel's end frees nothing by itself: it may be a worker that sees it.
    tunnel = nil
    #expect(site != nil && tunnel == nil)
    former.letGo()
    #expect(site == nil && former.isEmpty)
  }
}
