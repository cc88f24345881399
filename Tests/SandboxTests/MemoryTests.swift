// Memory and CPU: what ends a sandbox, and what does not; by cgroups and by watching.
import Distribution
import Foundation
import FunctionTier
import TestTools
import Testing

@Suite(.runsPrograms) struct MemoryTests {
  static let workshops = [Workshop.shared, .watched]
  static let allocate = """
    import os, sys, time
    def allocate(megabytes): return [bytearray(b"x") * (1 << 20) for _ in range(megabytes)]

    """

  @Test(arguments: workshops, [
    "x = allocate(400)\ntime.sleep(20)",   // without cgroups a look takes place every 10 ms: on a busy machine one that ends at once may not be seen
    "if os.fork() == 0: allocate(400)\ntime.sleep(20)\nprint('the parent lives on')",
    "children = [os.fork() == 0 for _ in range(3)]\nx = allocate(30)\ntime.sleep(20)",
    "for _ in range(400): time.sleep(0.001); globals().setdefault('kept', []).append(bytearray(b'x') * (1 << 20))",
  ])
  func tooMuch(_ workshop: Workshop, _ program: String) throws {
    let came = try workshop.python(Self.allocate + program)
    #expect(came.end?.cause == .outOfMemory)
    #expect(came.output == "")
    #expect((came.end?.peakBytes ?? 0) > 100 << 20)
  }

  @Test(arguments: workshops, [
    "x = allocate(90)\ntime.sleep(0.05)",
    // Files in /tmp are not the program's memory, though they lie in the machine's.
    "open('/tmp/big', 'wb').write(b'x' * (60 << 20))\nx = allocate(60)\ntime.sleep(0.05)",
    // More of them than memory: nobody is slowed down for it.
    "with open('/tmp/big', 'wb') as file:\n  for _ in range(400): file.write(b'x' * (1 << 20))\nx = allocate(30)",
  ])
  func enough(_ workshop: Workshop, _ program: String) throws {
    let came = try workshop.python(Self.allocate + program + "\nprint('fine')")
    #expect(came.end?.cause == .exited(status: 0))
    #expect(came.output == "fine\n")
  }

  /// Memory that belongs to no process: the group's limit holds, and where nobody counts it, there is none.
  @Test(arguments: workshops) func memoryOfNobody(_ workshop: Workshop) throws {
    let came = try workshop.python("""
      import os
      try:
          for _ in range(900): os.write(os.memfd_create("x"), b"x" * (1 << 20))
          print("not killed")
      except PermissionError: print("refused")
      """) { $0.temporaryMB = 16 }
    #expect(came.output == "refused\n" || came.end?.cause == .outOfMemory)
  }

  /// Memory that several processes may map, of which nothing need be mapped to keep it: as above.
  @Test(arguments: workshops, ["flags=mmap.MAP_SHARED | mmap.MAP_ANONYMOUS, fileno=-1", "flags=mmap.MAP_SHARED, fileno=os.open('/dev/zero', os.O_RDWR)"])
  func memoryOfSeveral(_ workshop: Workshop, _ kind: String) throws {
    let came = try workshop.python("""
      import mmap, os, time
      madvise = getattr(mmap, "MADV_DONTNEED")
      def take():
          for _ in range(20):
              area = mmap.mmap(length=20 << 20, \(kind))
              for place in range(0, len(area), 4096): area[place] = 1
              area.madvise(madvise)
              kept.append(area)
          time.sleep(20)
      kept = []
      try:
          mmap.mmap(length=4096, \(kind))
          for _ in range(3):
              if os.fork() == 0: take()
          take()
          print("not killed")
      except OSError: print("refused")
      """) { $0.temporaryMB = 16 }
    #expect(came.output == "refused\n" || came.end?.cause == .outOfMemory, "\(came)")
  }

  /// It is memory, however large /tmp is.
  @Test(arguments: workshops) func sharedMemoryIsMemory(_ workshop: Workshop) throws {
    let came = try workshop.python("""
      import mmap, time
      try:
          area = mmap.mmap(-1, 250 << 20)
          for place in range(0, len(area), 4096): area[place] = 1
          time.sleep(20)
          print("not killed")
      except OSError: print("refused")
      """) { $0.temporaryMB = 1024 }
    #expect(came.output == "refused\n" || came.end?.cause == .outOfMemory, "\(came)")
  }

  /// Files of /tmp that are mapped by many are not it.
  @Test func whatIsMappedOfTmpIsNotMemory() throws {
    let came = try Workshop.shared.python("""
      import mmap, os, time
      for turn in range(4):
          file = os.open(f"/tmp/{turn}", os.O_RDWR | os.O_CREAT)
          os.ftruncate(file, 60 << 20)
          area = mmap.mmap(file, 60 << 20)
          for place in range(0, len(area), 4096): area[place] = 1
          os.unlink(f"/tmp/{turn}")
          if turn % 2: area.close(); os.close(file)
      time.sleep(0.1)
      print("fine")
      """)
    #expect(came.end?.cause == (Workshop.shared.spawner.report.memory == .watched ? .outOfMemory : .exited(status: 0)), "\(came)")
  }

  /// What is in /tmp and mapped counts where processes are looked at: not only that of the process that has most of it.
  @Test func whatSeveralProcessesMapIsCountedOfEach() throws {
    let program = """
      import mmap, os, time
      for number in range(6):
          if os.fork() == 0:
              file = os.open(f"/tmp/{number}", os.O_RDWR | os.O_CREAT)
              os.ftruncate(file, 40 << 20)
              area = mmap.mmap(file, 40 << 20)
              for place in range(0, len(area), 4096): area[place] = 1
              time.sleep(20)
      time.sleep(20)
      """
    #expect(try Workshop.watched.python(program).end?.cause == .outOfMemory)
  }

  /// The same memory in several processes is there once.
  @Test(arguments: workshops) func whatSeveralProcessesShareIsCountedOnce(_ workshop: Workshop) throws {
    let came = try workshop.python("""
      import mmap, os, time
      file = os.open("/tmp/shared", os.O_RDWR | os.O_CREAT)
      os.ftruncate(file, 50 << 20)
      area = mmap.mmap(file, 50 << 20)
      up, say = os.pipe()
      for number in range(6):
          if os.fork() == 0:
              for place in range(0, len(area), 4096): area[place] = 1
              os.write(say, b"u")
              time.sleep(20)
      for number in range(6): os.read(up, 1)
      time.sleep(0.1)
      print("fine")
      """)
    #expect(came.output == "fine\n" && came.end?.cause == .exited(status: 0), "\(came)")
  }

  @Test func thePeakIsKnownWhileItLives() throws {
    let sandbox = try Workshop.shared.sandbox(["/usr/bin/python3", "-S", "-E", "-c", Self.allocate + "x = allocate(50)\nprint('up', flush=True)\nsys.stdin = open(3)\nsys.stdin.read()"])
    var wait = pollfd(fd: sandbox.output, events: Int16(POLLIN), revents: 0)
    unsafe poll(&wait, 1, 10_000)
    #expect(sandbox.peakMemoryBytes > 50 << 20)
    sandbox.kill()
    #expect(sandbox.waitForEnd()?.cause == .killed)
    #expect(sandbox.peakMemoryBytes > 50 << 20)
  }

  @Test(.enabled(if: Workshop.shared.spawner.report.limitsCPU, "no cgroups here")) func aShareOfTheProcessor() throws {
    let program = """
      import os, time
      def work():
          begun = time.process_time(), time.monotonic()
          while time.monotonic() - begun[1] < 0.6: pass
          return (time.process_time() - begun[0]) / (time.monotonic() - begun[1])
      os.write(3, b"up"); os.read(3, 1)
      print(work())
      """
    let sandbox = try Workshop.shared.sandbox(["/usr/bin/python3", "-S", "-E", "-c", program]) { $0.memoryMB = 177 }   // a tenth
    var wait = pollfd(fd: sandbox.control, events: Int16(POLLIN), revents: 0)
    unsafe poll(&wait, 1, 10_000)
    sandbox.limitCPU()
    // The spawner takes requests in their order: when another sandbox has come and gone, the limit holds.
    #expect(try Workshop.shared.run(["/usr/bin/true"]).end?.cause == .exited(status: 0))
    _ = unsafe write(sandbox.control, "g", 1)
    let share = Double(sandbox.readAll(seconds: 20).output.dropLast()) ?? 1
    #expect(share < 0.2)
  }
}
