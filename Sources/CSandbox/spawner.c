// Owns: the spawner: its one loop, and what it knows of each sandbox from the request to the end. A sandbox passes through these states:
//   launched   bubblewrap runs; its first line of status names the process that is 1 inside
//   connecting with `network: outbound`: pasta was started, its network is not up yet
//   running    that process is known, its limits hold, and the program has been let go
//   ending     killed, or ended by itself; waits until both bubblewrap has been reaped and process 1 inside is no more, and with it all inside
// Then the end is told on the lifeline and the slot is free.
#include "parts.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

/// Milliseconds between two looks at memory: of a sandbox that uses more in all than its memory, /tmp and files included; of every sandbox
/// where there are no cgroups.
enum { LOOK_CLOSELY = 5, WATCH = 10 };
/// Milliseconds until what the kernel does not watch is asked again.
enum { ASK_AGAIN = 100 };
enum { STATUS_BYTES = 512, DESCRIPTORS = 4 };
enum what { ASKED, CHILD, TICK, STATUS, CONNECTED, INNER, MEMORY_CROSSED, MEMORY_OUT };

struct sandbox {
  enum { FREE, LAUNCHED, CONNECTING, RUNNING, ENDING } state;
  pid_t outer, inner, pasta;  // bubblewrap; what is 1 inside; who connects it. 0 when reaped, unknown, not there
  pid_t tied;                 // what is 1 inside, as long as it would outlive bubblewrap (tie.c); or 0
  int is_starting;            // that one has started the program, and has only to wait for it
  pid_t held;                 // the program, which runs no sooner; or 0
  int status, block, inner_process, lifeline, control, connected;  // -1 when closed; inner_process is a pidfd
  uint32_t kind_of_end;
  int exit_status, is_doomed, looks_closely;
  pid_t program;  // what bubblewrap started inside, when its memory is watched
  uint64_t pages;
  unsigned quiet_looks;
  struct sk_sandbox_request request;
  struct memory_watch memory;
  char line[STATUS_BYTES], text[SK_SANDBOX_TEXT_BYTES];
  size_t line_length;
};

/// The spawner's whole memory.
static struct {
  struct house house;  // as the guardian found it (birth.c)
  struct sandbox sandboxes[SK_SANDBOXES];
  int requests, events, children, timer;
  unsigned watched;  // sandboxes to be looked at
  int is_deaf;  // something is not watched: epoll watches are an ordinary user's, of whom sandboxes are, too
  volatile uint64_t *peaks;
} all;

static void close_one(int *descriptor) {
  if (*descriptor >= 0) close(*descriptor);
  *descriptor = -1;
}

/// Of what is mine itself: nothing can be done without, so there is time to wait for a watch, as long as the proxy is there.
static void wait_for_own(int descriptor, enum what what) {
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = what};
  while (epoll_ctl(all.events, EPOLL_CTL_ADD, descriptor, &event) < 0) {
    struct pollfd proxy = {.fd = all.requests};
    if (poll(&proxy, 1, ASK_AGAIN) > 0) _exit(0);
  }
}

// MARK: Looking at memory

static void set_timer(void) {
  long milliseconds = all.watched == 0 ? all.is_deaf ? ASK_AGAIN : 0 : all.house.cgroups.version == 0 ? WATCH : LOOK_CLOSELY;
  struct itimerspec period = {{0, milliseconds * 1000000}, {0, milliseconds * 1000000}};
  timerfd_settime(all.timer, 0, &period, NULL);
}

static void wait_for(int descriptor, uint32_t events, unsigned slot, enum what what) {
  struct epoll_event event = {.events = events, .data.u64 = (uint64_t)slot << 8 | what};
  if (descriptor < 0 || epoll_ctl(all.events, EPOLL_CTL_ADD, descriptor, &event) == 0) return;
  all.is_deaf = 1;
  set_timer();
}

static void look_closely(struct sandbox *sandbox, int closely) {
  if (sandbox->looks_closely == closely) return;
  sandbox->looks_closely = closely;
  all.watched += closely ? 1 : -1u;
  if (all.watched <= 1) set_timer();
}

/// Kills what is inside: the group, or process 1 and with it its namespace.
static void end_all(struct sandbox *sandbox) {
  if (!cgroups_kill(&all.house.cgroups, (unsigned)(sandbox - all.sandboxes))) syscall(SYS_pidfd_send_signal, sandbox->inner_process, SIGKILL, NULL, 0);
}

static void kill_sandbox(struct sandbox *sandbox, uint32_t why) {
  if (sandbox->state == FREE) return;
  if (sandbox->kind_of_end == SK_ENDED_EXITED) sandbox->kind_of_end = why;
  sandbox->is_doomed = 1;
  // Before process 1 is known, nobody can be sure to meet all; it will be within milliseconds.
  if (sandbox->inner_process >= 0) end_all(sandbox);
}

/// Has a sandbox run on, or not. What does not run needs no looking at.
static void freeze(struct sandbox *sandbox, int frozen) {
  if (sandbox->state != RUNNING || sandbox->is_doomed) return;
  cgroups_freeze(&all.house.cgroups, (unsigned)(sandbox - all.sandboxes), frozen);
  if (all.house.cgroups.version == 0) look_closely(sandbox, !frozen);
}

/// Whether nothing seems to happen in a sandbox that is watched, so that not all of its processes are looked at each time, which takes 100 µs:
/// every other time while its program's memory stays the same, after a second of that every 200 ms.
static int is_quiet(struct sandbox *sandbox) {
  uint64_t pages = sandbox->program ? resident_pages(sandbox->program) : 0;
  sandbox->quiet_looks = pages > 0 && pages == sandbox->pages ? sandbox->quiet_looks + 1 : 0;
  sandbox->pages = pages;
  return sandbox->quiet_looks % (sandbox->quiet_looks < 100 ? 2 : 20) != 0;
}

/// What a sandbox's processes have mapped without a file, which the group counts with what is in /tmp: that may change between two looks, and the
/// kernel's figures lag behind by some pages of each processor.
static uint64_t shared_without_file(const struct sandbox *sandbox) {
  uint64_t lag = (uint64_t)sysconf(_SC_NPROCESSORS_ONLN) * 64 * (uint64_t)sysconf(_SC_PAGESIZE) + (1 << 20);
  uint64_t before = temporary_bytes(sandbox->inner), shared = cgroups_shared(&sandbox->memory), after = temporary_bytes(sandbox->inner);
  uint64_t files = before > after ? before : after;
  return files < UINT64_MAX - lag && shared > files + lag ? shared - files - lag : 0;
}

/// Whether a group uses more in all than its memory. Whoever does is looked at closely until it does no more; only then the kernel is to tell again.
static int is_above(struct sandbox *sandbox) {
  unsigned slot = (unsigned)(sandbox - all.sandboxes);
  uint64_t memory = sandbox->request.memory_bytes;
  if (cgroups_usage(&sandbox->memory) > memory) return 1;
  if (!sandbox->looks_closely) return 0;
  cgroups_tell(&all.house.cgroups, slot, memory);
  if (cgroups_usage(&sandbox->memory) <= memory) return 0;
  cgroups_tell(&all.house.cgroups, slot, 0);  // it came back meanwhile
  return 1;
}

static void look(struct sandbox *sandbox) {
  unsigned slot = (unsigned)(sandbox - all.sandboxes);
  uint64_t used;
  if (all.house.cgroups.version == 0) {
    if (!sandbox->inner || is_quiet(sandbox)) return;
    used = tree_memory(sandbox->inner, sandbox->request.memory_bytes, &sandbox->program);
    if (used > all.peaks[slot]) all.peaks[slot] = used;
  } else {
    if (!is_above(sandbox)) return look_closely(sandbox, 0);
    used = cgroups_allocated(&all.house.cgroups, &sandbox->memory);
    if (used <= sandbox->request.memory_bytes && sandbox->inner) used += shared_without_file(sandbox);
    if (used <= sandbox->request.memory_bytes && !sandbox->looks_closely) cgroups_tell(&all.house.cgroups, slot, 0);
    look_closely(sandbox, 1);
  }
  if (used > sandbox->request.memory_bytes) kill_sandbox(sandbox, SK_ENDED_OUT_OF_MEMORY);
}

/// The group uses more than the sandbox's memory, or the kernel has killed in it: of the sandbox nothing is left then.
static void memory_event(struct sandbox *sandbox, int descriptor) {
  uint64_t count;
  char text[512];
  if (all.house.cgroups.version == 2) (void)!pread(descriptor, text, sizeof text, 0);  // until it is read, it has changed
  else (void)!read(descriptor, &count, sizeof count);
  if (cgroups_has_killed(&all.house.cgroups, &sandbox->memory)) kill_sandbox(sandbox, SK_ENDED_OUT_OF_MEMORY);
  else look(sandbox);
}

/// The proxy has no epoll watches left, which it shares with the sandboxes when they have no users of their own.
/// Looks for a short time only: memory is to be looked at, too. The next time goes on where this one ends.
static void end_watchers(void) {
  static unsigned next;
  static pid_t inner[SK_SANDBOXES];
  static uint8_t more[SK_SANDBOXES];
  for (unsigned slot = 0; slot < SK_SANDBOXES; slot++) {
    const struct sandbox *sandbox = &all.sandboxes[slot];
    inner[slot] = sandbox->state == RUNNING && !sandbox->is_doomed ? sandbox->inner : 0;
  }
  next = watchers_find(inner, next, SK_SANDBOX_WATCHES, more);
  for (unsigned slot = 0; slot < SK_SANDBOXES; slot++) if (more[slot]) kill_sandbox(&all.sandboxes[slot], SK_ENDED_OUT_OF_WATCHES);
}

// MARK: The end

static void tell_end(int lifeline, uint32_t cause, int status, uint64_t peak, const char *text) {
  struct sk_sandbox_end end = {.cause = cause, .status = status, .peak_bytes = peak};
  snprintf(end.text, sizeof end.text, "%s", text);
  send(lifeline, &end, sizeof end, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void finish(struct sandbox *sandbox) {
  unsigned slot = (unsigned)(sandbox - all.sandboxes);
  if (sandbox->outer || sandbox->inner) return;
  uint64_t peak = all.house.cgroups.version ? cgroups_peak(&all.house.cgroups, slot) : all.peaks[slot];
  uint32_t cause = sandbox->kind_of_end;
  // The proxy may have ended it meanwhile: clearing away what was too much takes the kernel its time.
  if ((cause == SK_ENDED_EXITED || cause == SK_ENDED_KILLED) && cgroups_has_killed(&all.house.cgroups, &sandbox->memory)) cause = SK_ENDED_OUT_OF_MEMORY;
  // bubblewrap says a program's exit status only when it could execute it.
  if (cause == SK_ENDED_EXITED && !strstr(sandbox->line, "exit-code")) cause = SK_ENDED_NOT_STARTED;
  look_closely(sandbox, 0);
  memory_watch_close(&sandbox->memory);
  cgroups_remove(&all.house.cgroups, slot);
  close_one(&sandbox->status);
  close_one(&sandbox->block);
  close_one(&sandbox->inner_process);
  close_one(&sandbox->control);
  close_one(&sandbox->connected);
  if (sandbox->pasta) kill(sandbox->pasta, SIGKILL);
  sandbox->state = FREE;
  tell_end(sandbox->lifeline, cause, sandbox->exit_status, peak, sandbox->text);
  close_one(&sandbox->lifeline);
}

static void read_status(struct sandbox *sandbox) {
  while (sandbox->status >= 0) {
    size_t room = sizeof sandbox->line - 1 - sandbox->line_length;
    ssize_t length = room == 0 ? 0 : read(sandbox->status, sandbox->line + sandbox->line_length, room);
    if (length <= 0) {
      if (length == 0 || errno != EAGAIN) close_one(&sandbox->status);
      return;
    }
    sandbox->line_length += (size_t)length;
  }
}

static pid_t parent_of(pid_t process);

/// What is tied to us has stopped, for this to be decided: does it go on, and with the tie?
static void stopped(pid_t process, int status) {
  pid_t parent = parent_of(process);
  for (unsigned slot = 0; slot < SK_SANDBOXES; slot++) {
    struct sandbox *sandbox = &all.sandboxes[slot];
    if (sandbox->state == FREE) continue;
    if (process == sandbox->outer) return tie_has_started_one(status) ? tie_end(process) : tie_go_on(process);
    if (process == sandbox->tied) {
      sandbox->is_starting |= tie_has_started_one(status);
      if (!sandbox->is_starting) return tie_go_on(process);
      if (tie_go_on_until_it_waits(process, status)) return;
      if (sandbox->held) tie_end(sandbox->held);
      sandbox->tied = sandbox->held = 0;
      return;
    }
    if (parent && parent == sandbox->outer) {
      sandbox->tied = process;
      return tie_go_on(process);
    }
    if (parent && parent == sandbox->tied) {
      sandbox->held = process;
      return;
    }
    if (parent && parent == sandbox->inner) return tie_end(process);
  }
  kill(process, SIGKILL);  // bubblewrap is gone before it told of it
}

static void reap(void) {
  struct signalfd_siginfo some[16];
  while (read(all.children, some, sizeof some) > 0) {}
  int status;
  for (pid_t process; (process = waitpid(-1, &status, WNOHANG | __WALL)) > 0;) {
    if (WIFSTOPPED(status)) {
      stopped(process, status);
      continue;
    }
    for (unsigned slot = 0; slot < SK_SANDBOXES; slot++) {
      struct sandbox *sandbox = &all.sandboxes[slot];
      if (sandbox->pasta == process) sandbox->pasta = 0;
      if (sandbox->tied == process) sandbox->tied = 0;
      if (sandbox->state == FREE || sandbox->outer != process) continue;
      sandbox->outer = 0;
      if (sandbox->tied) kill(sandbox->tied, SIGKILL);
      sandbox->exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      read_status(sandbox);
      // Bubblewrap may have been killed, by the kernel for want of memory, and what is inside goes on for a moment.
      if (sandbox->inner_process >= 0) end_all(sandbox);
      sandbox->state = ENDING;
      finish(sandbox);
      break;
    }
  }
}

// MARK: The beginning

/// 0 when it is gone.
static pid_t parent_of(pid_t process) {
  char path[64], text[512];
  snprintf(path, sizeof path, "/proc/%d/stat", (int)process);
  int file = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t length = file < 0 ? 0 : read(file, text, sizeof text - 1);
  if (file >= 0) close(file);
  text[length > 0 ? length : 0] = 0;
  char *after = strrchr(text, ')');
  return after ? (pid_t)atoi(after + 4) : 0;
}

static void fail(struct sandbox *sandbox, const char *what, int error) {
  snprintf(sandbox->text, sizeof sandbox->text, "%s: %s", what, strerror(error));
  kill_sandbox(sandbox, SK_ENDED_NOT_STARTED);
}

static uid_t user_of(const struct sandbox *sandbox) {
  return all.house.facts.own_users ? all.house.facts.first_user + (uid_t)(sandbox - all.sandboxes) : 0;
}

/// Process 1 inside waits for us before it starts the program: limits and the listener are there first.
static void let_go(struct sandbox *sandbox) {
  const struct sk_sandbox_request *request = &sandbox->request;
  rlim_t most = request->processes + 1;  // and itself; what is outside counts outside
  struct rlimit processes = {most, most};
  if (!all.house.facts.own_users && prlimit(sandbox->inner, RLIMIT_NPROC, &processes, NULL) < 0) return fail(sandbox, "limiting its processes", errno);
  if (request->flags & SK_SANDBOX_RUNTIME_API) {
    int result = network_listen(sandbox->inner, user_of(sandbox), sandbox->control);
    if (result < 0) return fail(sandbox, "listening for its Runtime API", -result);
  }
  close_one(&sandbox->control);
  if (write(sandbox->block, "", 1) != 1) return fail(sandbox, "letting it go", errno);
  close_one(&sandbox->block);
  sandbox->state = RUNNING;
  if (all.house.cgroups.version == 0) look_closely(sandbox, 1);
}

static void connect_out(struct sandbox *sandbox) {
  if (!all.house.facts.pasta[0]) {
    snprintf(sandbox->text, sizeof sandbox->text, "network: outbound needs pasta, which is not installed (Debian: passt)");
    return kill_sandbox(sandbox, SK_ENDED_NOT_STARTED);
  }
  pid_t pasta = network_connect(all.house.facts.pasta, sandbox->inner, user_of(sandbox), &sandbox->connected);
  if (pasta < 0) return fail(sandbox, "starting pasta", -pasta);
  sandbox->pasta = pasta;
  sandbox->state = CONNECTING;
  wait_for(sandbox->connected, EPOLLIN, (unsigned)(sandbox - all.sandboxes), CONNECTED);
}

/// Whether a text has a line that is a number: pasta's own, when it is ready.
static int has_number_line(const char *text) {
  for (; *text; text += strcspn(text, "\n"), text += *text == '\n') {
    size_t digits = strspn(text, "0123456789");
    if (digits > 0 && text[digits] == '\n') return 1;
  }
  return 0;
}

static void connected_event(struct sandbox *sandbox) {
  size_t known = strlen(sandbox->text), room = sizeof sandbox->text - 1 - known;
  char rest[256];
  ssize_t length = read(sandbox->connected, room > 0 ? sandbox->text + known : rest, room > 0 ? room : sizeof rest);
  if (length < 0 && errno == EAGAIN) return;
  if (length > 0 && room > 0) sandbox->text[known + (size_t)length] = 0;
  int is_ready = room > 0 ? has_number_line(sandbox->text) : length > 0 && has_number_line(rest);
  if (length > 0 && !is_ready) return;
  close_one(&sandbox->connected);
  if (sandbox->state != CONNECTING || sandbox->is_doomed) return;
  if (!is_ready) {
    char words[SK_SANDBOX_TEXT_BYTES];
    snprintf(words, sizeof words, "pasta: %.*s", (int)(sizeof words - 16), sandbox->text[0] ? sandbox->text : "ended at once");
    for (char *end; (end = strchr(words, '\n')) != NULL;) *end = ' ';
    memcpy(sandbox->text, words, sizeof words);
    return kill_sandbox(sandbox, SK_ENDED_NOT_STARTED);
  }
  sandbox->text[0] = 0;
  int result = network_block(sandbox->inner, user_of(sandbox));
  if (result < 0) return fail(sandbox, "blocking what it is not to reach", -result);
  let_go(sandbox);
}

static void status_event(struct sandbox *sandbox) {
  read_status(sandbox);
  const char *name = "\"child-pid\":", *place = strstr(sandbox->line, name);
  // Once: one that is doomed stays in this state, and says more when it ends.
  if (sandbox->state != LAUNCHED || sandbox->inner_process >= 0 || !place || !strchr(place, '\n')) return;
  pid_t inner = (pid_t)strtol(place + strlen(name), NULL, 10);
  int process = inner > 0 ? (int)syscall(SYS_pidfd_open, inner, 0) : -1;
  if (process < 0 || parent_of(inner) != sandbox->outer) {  // the number is somebody else's by now
    if (process >= 0) close(process);
    return;  // ended already; bubblewrap's end says so
  }
  sandbox->inner = inner;
  sandbox->inner_process = process;
  wait_for(process, EPOLLIN, (unsigned)(sandbox - all.sandboxes), INNER);
  if (sandbox->is_doomed) kill_sandbox(sandbox, sandbox->kind_of_end);
  else if (sandbox->request.network == SK_NETWORK_OUTBOUND) connect_out(sandbox);
  else let_go(sandbox);
}

static void spawn(const struct sk_sandbox_request *request, const char *texts, size_t length, int *descriptors) {
  struct sandbox *sandbox = &all.sandboxes[request->slot];
  char text[SK_SANDBOX_TEXT_BYTES] = "";
  struct launch result;
  struct memory_watch memory;
  if (sandbox->state != FREE) return tell_end(descriptors[3], SK_ENDED_NOT_STARTED, 0, 0, "its slot is taken");
  int error = cgroups_make(&all.house.cgroups, request->slot, &memory);
  if (error < 0) snprintf(text, sizeof text, "its control groups: %s", strerror(-error));
  if (error < 0 || launch(&all.house, request, texts, length, descriptors, &memory, &result, text) < 0) {
    memory_watch_close(&memory);
    cgroups_remove(&all.house.cgroups, request->slot);
    return tell_end(descriptors[3], SK_ENDED_NOT_STARTED, 0, 0, text);
  }
  all.peaks[request->slot] = 0;
  *sandbox = (struct sandbox){
      .state = LAUNCHED, .outer = result.process, .status = result.status, .block = result.block, .inner_process = -1,
      .lifeline = descriptors[3], .control = descriptors[0], .connected = -1, .request = *request, .memory = memory,
  };
  descriptors[0] = descriptors[3] = -1;
  if (!(request->flags & SK_SANDBOX_RUNTIME_API)) close_one(&sandbox->control);
  wait_for(sandbox->status, EPOLLIN, request->slot, STATUS);
  wait_for(memory.crossed, EPOLLIN | EPOLLPRI | EPOLLET, request->slot, MEMORY_CROSSED);
  wait_for(memory.out_of_memory, EPOLLIN, request->slot, MEMORY_OUT);
}

// MARK: The loop

/// Takes one request. Returns 0 when the proxy is gone.
static int take_request(void) {
  static struct {
    struct sk_sandbox_request request;
    char texts[SK_SANDBOX_REQUEST_BYTES];
  } message;
  union {
    struct cmsghdr head;
    char bytes[CMSG_SPACE(DESCRIPTORS * sizeof(int))];
  } control;
  struct iovec bytes = {&message, sizeof message};
  struct msghdr header = {.msg_iov = &bytes, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  ssize_t length = recvmsg(all.requests, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (length < 0) return errno == EAGAIN || errno == EINTR;
  if (length == 0) return 0;
  int descriptors[DESCRIPTORS] = {-1, -1, -1, -1}, count = 0;
  for (struct cmsghdr *head = CMSG_FIRSTHDR(&header); head; head = CMSG_NXTHDR(&header, head)) {
    int some = (int)((head->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    for (int i = 0; i < some; i++) {
      int descriptor;
      memcpy(&descriptor, CMSG_DATA(head) + (size_t)i * sizeof(int), sizeof descriptor);
      if (count < DESCRIPTORS) descriptors[count++] = descriptor; else close(descriptor);
    }
  }
  const struct sk_sandbox_request *request = &message.request;
  if ((size_t)length >= sizeof *request && request->slot < SK_SANDBOXES) {
    struct sandbox *sandbox = &all.sandboxes[request->slot];
    unsigned processors = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
    if (request->kind == SK_SANDBOX_SPAWN && count == DESCRIPTORS) spawn(request, message.texts, (size_t)length - sizeof *request, descriptors);
    if (request->kind == SK_SANDBOX_FREEZE || request->kind == SK_SANDBOX_THAW) freeze(sandbox, request->kind == SK_SANDBOX_FREEZE);
    if (request->kind == SK_SANDBOX_END_WATCHERS && !all.house.facts.own_users) end_watchers();
    if (request->kind == SK_SANDBOX_KILL) kill_sandbox(sandbox, SK_ENDED_KILLED);
    if (request->kind == SK_SANDBOX_LIMIT_CPU && sandbox->state != FREE) {
      uint64_t share = sandbox->request.memory_bytes * 1000 / (1769ull << 20);
      if (share < processors * 1000) cgroups_limit_cpu(&all.house.cgroups, request->slot, (unsigned)share);
    }
  }
  for (int i = 0; i < count; i++) if (descriptors[i] >= 0) close(descriptors[i]);
  return 1;
}

static int handle(struct epoll_event event);

/// What may not be watched is asked, as long as there are sandboxes; most of them are told of by the kernel as well.
static void ask_all(void) {
  int any = 0;
  for (unsigned slot = 0; slot < SK_SANDBOXES; slot++) {
    struct sandbox *sandbox = &all.sandboxes[slot];
    if (sandbox->state == FREE) continue;
    any = 1;
    enum { COUNT = 3 };
    static const enum what kinds[COUNT] = {STATUS, CONNECTED, INNER};
    struct pollfd some[COUNT] = {{.fd = sandbox->status, .events = POLLIN}, {.fd = sandbox->connected, .events = POLLIN}, {.fd = sandbox->inner_process, .events = POLLIN}};
    int count = poll(some, COUNT, 0);
    for (int i = 0; i < COUNT && count > 0; i++) {
      if (some[i].revents) handle((struct epoll_event){.data.u64 = (uint64_t)slot << 8 | kinds[i]});
    }
    if (sandbox->state == RUNNING && all.house.cgroups.version != 0) look(sandbox);
  }
  if (any) return;
  all.is_deaf = 0;
  set_timer();
}

static void tick(void) {
  uint64_t count;
  (void)!read(all.timer, &count, sizeof count);
  unsigned left = all.watched;
  for (unsigned slot = 0; slot < SK_SANDBOXES && left > 0; slot++) {
    if (!all.sandboxes[slot].looks_closely) continue;
    left--;
    look(&all.sandboxes[slot]);
  }
  if (all.is_deaf) ask_all();
}

static int handle(struct epoll_event event) {
  struct sandbox *sandbox = &all.sandboxes[event.data.u64 >> 8];
  switch ((enum what)(event.data.u64 & 0xFF)) {
    case ASKED: return take_request();
    case CHILD: reap(); break;
    case TICK: tick(); break;
    case STATUS: if (sandbox->state != FREE) status_event(sandbox); break;
    case CONNECTED: if (sandbox->state != FREE && sandbox->connected >= 0) connected_event(sandbox); break;
    case INNER:
      if (sandbox->state == FREE || sandbox->inner_process < 0) break;
      close_one(&sandbox->inner_process);
      sandbox->inner = 0;
      finish(sandbox);
      break;
    case MEMORY_CROSSED: if (sandbox->state != FREE) memory_event(sandbox, sandbox->memory.crossed); break;
    case MEMORY_OUT: if (sandbox->state != FREE) memory_event(sandbox, sandbox->memory.out_of_memory); break;
  }
  return 1;
}

_Noreturn void spawner_serve(int requests, const struct house *house, volatile uint64_t *peaks) {
  prctl(PR_SET_NAME, "skerry-spawner");
  // What is 1 inside outlives bubblewrap by a moment: somebody must wait for it.
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  all.house = *house;
  all.peaks = peaks;
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGCHLD);
  sigprocmask(SIG_SETMASK, &signals, NULL);
  all.requests = requests;
  all.events = epoll_create1(EPOLL_CLOEXEC);
  all.children = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  all.timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  wait_for_own(requests, ASKED);
  wait_for_own(all.children, CHILD);
  wait_for_own(all.timer, TICK);
  for (;;) {
    struct epoll_event events[32];
    int count = epoll_wait(all.events, events, 32, -1);
    for (int i = 0; i < count; i++) {
      if (!handle(events[i])) goto gone;
    }
  }
gone:
  // The proxy is gone. So is every sandbox when this process is; only their groups would stay.
  for (unsigned slot = 0; slot < SK_SANDBOXES; slot++) {
    struct sandbox *sandbox = &all.sandboxes[slot];
    kill_sandbox(sandbox, SK_ENDED_KILLED);
    if (sandbox->state == FREE) continue;
    if (sandbox->pasta) kill(sandbox->pasta, SIGKILL);
    if (sandbox->inner_process >= 0) continue;
    if (sandbox->outer) kill(sandbox->outer, SIGKILL);
    if (sandbox->tied) kill(sandbox->tied, SIGKILL);
  }
  await_children();
  for (unsigned slot = 0; slot < SK_SANDBOXES; slot++) cgroups_remove(&all.house.cgroups, slot);  // a killed spawner's, too
  cgroups_remove_all(&all.house.cgroups);
  _exit(0);
}
