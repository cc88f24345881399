// What cgroups.c writes and reads, against folders that stand for the kernel's: a delegated one of version 2 with all controllers, and with some.
// Says on stderr what is not as it should be.
#include "../../../Sources/CSandbox/cgroups.c"
#include "../../../Sources/CSandbox/leftovers.c"

static char top[PATH_BYTES];
static int failures;

static void put(const char *folder, const char *file, const char *text) {
  char path[PATH_BYTES * 2];
  snprintf(path, sizeof path, "%s/%s", folder, file);
  FILE *stream = fopen(path, "w");
  if (!stream) abort();
  fputs(text, stream);
  fclose(stream);
}

static void is(const char *folder, const char *file, const char *expected) {
  char path[PATH_BYTES * 2], text[256] = "";
  snprintf(path, sizeof path, "%s/%s", folder, file);
  int descriptor = open(path, O_RDONLY);
  if (descriptor < 0 || read(descriptor, text, sizeof text - 1) < 0) snprintf(text, sizeof text, "(%s)", strerror(errno));
  if (descriptor >= 0) close(descriptor);
  if (strcmp(text, expected) == 0) return;
  fprintf(stderr, "%s/%s is \"%s\" and not \"%s\"\n", folder, file, text, expected);
  failures++;
}

static void must(int holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "not so: %s\n", what);
  failures++;
}

/// The files that a kernel puts into a group.
static void furnish(const char *folder) {
  static const char *const files[] = {"cgroup.procs", "cgroup.subtree_control", "cgroup.kill", "cgroup.freeze", "memory.max", "memory.high", "memory.swap.max",
                                      "memory.oom.group", "memory.current", "memory.peak", "memory.stat", "memory.events", "cpu.max", "pids.max"};
  mkdir(folder, 0755);
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) put(folder, files[i], "");
}

/// A place for groups with some controllers; looks for what can be used of it. Its own folder in it is `own`, its first sandbox's `slot`.
static void find(struct cgroups *cgroups, const char *name, const char *controllers, char own[PATH_BYTES], char slot[PATH_BYTES]) {
  char place[PATH_BYTES / 2], trial[PATH_BYTES], proxy[PATH_BYTES], process[32];
  snprintf(place, sizeof place, "%.150s/%.20s", top, name);
  furnish(place);
  put(place, "cgroup.controllers", controllers);
  snprintf(process, sizeof process, "%d\n1\n", (int)getpid());
  put(place, "cgroup.procs", process);
  snprintf(proxy, sizeof proxy, "%.200s/skerry-%d-proxy", place, (int)getpid());
  furnish(proxy);
  snprintf(own, PATH_BYTES, "%.200s/skerry-%d", place, (int)getpid());
  furnish(own);
  snprintf(trial, sizeof trial, "%.300s/trial", own);
  furnish(trial);
  snprintf(slot, PATH_BYTES, "%.300s/7", own);
  furnish(slot);
  memset(cgroups, 0, sizeof *cgroups);
  find_version_2(cgroups, place, getpid());
}

int main(int count, char **words) {
  struct cgroups cgroups;
  struct memory_watch watch;
  char own[PATH_BYTES], slot[PATH_BYTES];
  if (count != 2) return 64;
  snprintf(top, sizeof top, "%.200s", words[1]);

  find(&cgroups, "all", "cpuset cpu io memory hugetlb pids\n", own, slot);
  must(cgroups.version == 2, "all controllers: version 2 limits memory");
  must(strcmp(cgroups.memory, own) == 0 && strcmp(cgroups.cpu, own) == 0 && strcmp(cgroups.processes, own) == 0 && strcmp(cgroups.unified, own) == 0, "all in one folder");
  must(cgroups_can_freeze(&cgroups), "it can freeze");
  must(cgroups_make(&cgroups, 7, &watch) == 0, "a group is made");
  must(watch.usage >= 0 && watch.statistics >= 0 && watch.events >= 0 && watch.crossed >= 0 && watch.out_of_memory < 0, "and watched by its files");
  must(cgroups_join(&cgroups, 7, &watch, 128 << 20, 64 << 20, 256, 0) == 0, "joining");
  is(slot, "memory.max", "201326592");   // memory and /tmp, which lies in it
  is(slot, "memory.high", "134217728");
  is(slot, "memory.swap.max", "0");
  is(slot, "memory.oom.group", "1");
  is(slot, "pids.max", "258");           // and bubblewrap's two
  is(slot, "cgroup.procs", "0");
  is(slot, "cpu.max", "");               // not before it is initialised
  cgroups_limit_cpu(&cgroups, 7, 72);
  is(slot, "cpu.max", "7200 100000");
  put(slot, "memory.high", "");
  cgroups_tell(&cgroups, 7, 0);          // /tmp may stay above: nobody is slowed down for it
  is(slot, "memory.high", "max");
  put(slot, "memory.high", "");
  cgroups_tell(&cgroups, 7, 128 << 20);
  is(slot, "memory.high", "134217728");
  put(slot, "cgroup.procs", "");
  must(cgroups_join(&cgroups, 7, &watch, 128 << 20, 64 << 20, 256, 1) == 0, "born inside");
  is(slot, "cgroup.procs", "");
  cgroups_freeze(&cgroups, 7, 1);
  is(slot, "cgroup.freeze", "1");
  cgroups_freeze(&cgroups, 7, 0);
  is(slot, "cgroup.freeze", "0");
  must(cgroups_kill(&cgroups, 7) == 1, "the kernel kills it whole");
  is(slot, "cgroup.kill", "1");
  put(slot, "memory.current", "140000000\n");
  put(slot, "memory.peak", "150000000\n");
  put(slot, "memory.stat", "anon 130000000\nfile 4096\nanon_thp 5\n");
  put(slot, "memory.events", "low 0\nhigh 3\nmax 1\noom 1\noom_kill 0\noom_group_kill 0\n");
  must(cgroups_usage(&watch) == 140000000 && cgroups_allocated(&cgroups, &watch) == 130000000, "what is used and allocated");
  must(cgroups_peak(&cgroups, 7) == 150000000, "the peak");
  must(!cgroups_has_killed(&cgroups, &watch), "nothing was killed");
  put(slot, "memory.events", "low 0\nhigh 3\nmax 1\noom 1\noom_kill 2\noom_group_kill 1\n");
  must(cgroups_has_killed(&cgroups, &watch), "something was killed");
  memory_watch_close(&watch);

  // systemd hands users memory and pids, and not cpu.
  find(&cgroups, "some", "memory pids\n", own, slot);
  must(cgroups.version == 2 && cgroups.memory[0] && cgroups.processes[0] && !cgroups.cpu[0], "memory and pids without cpu");
  must(cgroups_make(&cgroups, 7, &watch) == 0 && cgroups_join(&cgroups, 7, &watch, 128 << 20, 0, 16, 0) == 0, "some: joining");
  cgroups_limit_cpu(&cgroups, 7, 72);
  is(slot, "memory.max", "134217728");
  is(slot, "pids.max", "18");
  is(slot, "cpu.max", "");
  memory_watch_close(&watch);

  find(&cgroups, "none", "hugetlb\n", own, slot);
  must(cgroups.version == 0 && cgroups.unified[0] && !cgroups.memory[0] && !cgroups.cpu[0] && !cgroups.processes[0], "no controller of use");
  must(cgroups_can_freeze(&cgroups) && cgroups_make(&cgroups, 7, &watch) == 0, "it freezes all the same");
  must(cgroups_join(&cgroups, 7, &watch, 128 << 20, 0, 16, 0) == 0 && !cgroups_has_killed(&cgroups, &watch) && cgroups_peak(&cgroups, 7) == 0, "none: joining");
  is(slot, "cgroup.procs", "0");
  is(slot, "memory.max", "");
  memory_watch_close(&watch);

  // Without memory a group that has processes would become one of threads.
  char proxy[PATH_BYTES / 2], process[32];
  find(&cgroups, "threads", "cpu pids\n", own, slot);
  must(cgroups.cpu[0] && cgroups.processes[0] && !cgroups.memory[0] && cgroups.unified[0], "cpu and pids without memory");
  snprintf(process, sizeof process, "%d", (int)getpid());
  snprintf(proxy, sizeof proxy, "%.150s/threads/skerry-%s-proxy", top, process);
  is(proxy, "cgroup.procs", process);
  snprintf(proxy, sizeof proxy, "%.150s/all/skerry-%s-proxy", top, process);
  is(proxy, "cgroup.procs", "");  // there the kernel says when it is needed

  // A group that may be made and not be joined is of no use.
  char place[PATH_BYTES / 2];
  snprintf(place, sizeof place, "%.150s/closed", top);
  furnish(place);
  put(place, "cgroup.controllers", "memory pids\n");
  memset(&cgroups, 0, sizeof cgroups);
  find_version_2(&cgroups, place, getpid());
  must(cgroups.version == 0 && !cgroups.unified[0] && !cgroups.memory[0], "closed: nothing of it is used");

  must(!has_word("acpu io\n", "cpu") && has_word("cpuset cpu\n", "cpu") && !has_word("cpuset io\n", "cpu") && has_word("memory", "memory") && !has_word("", "cpu"), "words are told apart");
  return failures != 0;
}
