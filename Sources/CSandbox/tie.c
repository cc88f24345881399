// Owns: the tie by which what bubblewrap starts ends with the spawner from its first moment on. bubblewrap has it die with itself (--die-with-parent)
// only when everything is set up and the program is started; before that, some 20 ms, it would outlive both: waiting for ever for a word of
// bubblewrap's (an eventfd that it holds both ends of), or going on and running the program. So it is traced until then, and killed by the kernel when
// the tracer ends, in whatever way (ptrace(2), PTRACE_O_EXITKILL). Where the kernel does not let us trace, bubblewrap's own tie is all there is.
#include "parts.h"
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

void tie_to(pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(126);  // it was too late for that
}

void tie(pid_t process) { ptrace(PTRACE_SEIZE, process, 0, PTRACE_O_EXITKILL | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACESYSGOOD); }

static int event_of(int status) { return status >> 16; }

int tie_has_started_one(int status) {
  int event = event_of(status);
  return event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK || event == PTRACE_EVENT_CLONE;
}

void tie_end(pid_t process) { ptrace(PTRACE_DETACH, process, 0, 0L); }

void tie_go_on(pid_t process) { ptrace(PTRACE_CONT, process, 0, 0L); }

int tie_go_on_until_it_waits(pid_t process, int status) {
  struct __ptrace_syscall_info call = {.op = PTRACE_SYSCALL_INFO_NONE};
  if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
    long length = ptrace(PTRACE_GET_SYSCALL_INFO, process, sizeof call, &call);
    int is_waiting = call.op == PTRACE_SYSCALL_INFO_ENTRY && (call.entry.nr == SYS_wait4 || call.entry.nr == SYS_waitid);
    if (length <= 0 || is_waiting) {
      tie_end(process);
      return 0;
    }
  }
  ptrace(PTRACE_SYSCALL, process, 0, 0L);
  return 1;
}
