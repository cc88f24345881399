// Sandboxes: processes that run somebody else's code, launched by bubblewrap and looked after by a small process of their own, the spawner.
// It is forked before the proxy starts a thread and before it gives anything up; the proxy, which can neither start nor kill anything once it is
// confined, asks it over a socket. It trusts nothing it is told beyond what it was given at its birth: which folders may be shown inside, which
// users are for sandboxes. Everything lives in its one thread: `--die-with-parent` follows a thread, and what happens between fork and exec
// wants no other.
#pragma once
#include <stdint.h>

enum {
  /// The most sandboxes at once. Each has a number below, its slot, which the proxy chooses; the user it runs as is counted by it.
  SK_SANDBOXES = 1024,
  /// The longest request in bytes, texts included: what one message of a Unix socket can carry everywhere.
  SK_SANDBOX_REQUEST_BYTES = 131072,
  /// The most folders and files of the host shown in one sandbox beyond the system's own.
  SK_SANDBOX_FOLDERS = 16,
  /// The longest path of one of the roots of these, in bytes, its NUL included.
  SK_SANDBOX_PATH_BYTES = 512,
  /// The longest explanation in bytes, its NUL included.
  SK_SANDBOX_TEXT_BYTES = 256,
  /// The epoll watches that a sandbox keeps when there are none left for the proxy, whose user it shares.
  SK_SANDBOX_WATCHES = 65536,
  /// The port of the Runtime API inside.
  SK_SANDBOX_RUNTIME_PORT = 9001,
};

// MARK: The spawner

/// What memory is limited by.
enum sk_memory_limit { SK_MEMORY_WATCHED = 0, SK_MEMORY_CGROUP_1 = 1, SK_MEMORY_CGROUP_2 = 2 };

/// What a spawner found at its birth.
struct sk_spawner_facts {
  uint8_t memory;          // enum sk_memory_limit
  uint8_t limits_cpu;      // by cgroups
  uint8_t limits_processes;  // by cgroups; by RLIMIT_NPROC always
  uint8_t own_users;       // each sandbox runs as a user of its own
  uint8_t system_calls;    // they are filtered
  uint8_t is_root;
  uint8_t freezes;         // sandboxes can be frozen
  uint8_t has_unified;     // there are groups of version 2, with whatever controllers
  uint8_t is_crowded;      // other programs are in our group, for which the kernel keeps controllers from groups below it
  uint32_t first_user;     // of SK_SANDBOXES; meaningful with own_users
  uint32_t left;           // processes that spawners before had left in their groups, and which were killed
  char bwrap[64], pasta[64];  // paths; empty where there is none
  char memory_folder[512];   // below it a folder for each slot, with the kernel's figures; empty without cgroups
};

/// Forks what becomes a spawner, which waits and does nothing until it is to begin. Only while the process has one thread, where that matters (after it,
/// everything is the child's own copy).
/// `roots`: absolute paths of what may be shown inside, NULL at the end; they may be made later.
/// `without_cgroups`: memory is watched instead, also where there are some.
/// `peaks`: receives SK_SANDBOXES numbers that the spawner keeps: the most bytes of memory a slot has used, where no cgroup counts them.
/// `guardian`: receives the process that looks after it, for sk_spawner_end.
/// Returns a socket, or a negated errno. The spawner ends, and every sandbox with it, when the socket is closed: with the process. When it ends
/// before, every sandbox ends too (a lifeline without a message), and another one takes its place within a second or so.
int sk_spawner_prepare(const char *const *roots, int without_cgroups, const volatile uint64_t **peaks, int32_t *guardian);
/// Closes the socket and waits until all has ended: some ms, or what cannot be killed takes 5 s. Nothing is left of it then, no zombie either.
void sk_spawner_end(int spawner, int32_t guardian);
/// Has it begin, once: it looks what this machine has (some ms) and launches what it is asked for from then on. Any thread, any time.
/// Returns 0, or a negated errno.
int sk_spawner_begin(int spawner, struct sk_spawner_facts *facts);
/// Whether bubblewrap is there for a spawner to find.
int sk_sandbox_program_is_there(void);

// MARK: What it is asked

enum { SK_SANDBOX_SPAWN = 1, SK_SANDBOX_KILL = 2, SK_SANDBOX_LIMIT_CPU = 3, SK_SANDBOX_FREEZE = 4, SK_SANDBOX_THAW = 5, SK_SANDBOX_END_WATCHERS = 6 };
enum { SK_NETWORK_NONE = 0, SK_NETWORK_OUTBOUND = 1, SK_NETWORK_HOST = 2 };
enum {
  SK_SANDBOX_RUNTIME_API = 1,  // listen on 127.0.0.1:9001 inside; the listener comes as the first message on `control`
  SK_SANDBOX_NO_PROC = 2,      // without /proc: where a container masks it, the kernel allows no other
};

/// Begins every request. END_WATCHERS: whatever its slot, every sandbox with more than SK_SANDBOX_WATCHES epoll watches is killed. SPAWN goes on with NUL-ended texts: `arguments` of them, then `variables` NAME=VALUE, then `folders` pairs of a
/// path on the host and a path inside; and carries four descriptors, in this order: what is to be 3 inside, stdout, stderr, the lifeline.
struct sk_sandbox_request {
  uint32_t kind, slot;
  uint64_t memory_bytes, temporary_bytes;
  uint32_t processes, network, flags;
  uint16_t arguments, variables, folders, reserved;
};

/// Makes what connects a sandbox with the proxy, in the order of SPAWN's descriptors, both ends closed on exec; ours do not block, theirs do, as
/// authors of programs expect. Returns 0, or -1 with errno.
int sk_sandbox_connect(int ours[4], int theirs[4]);
/// Sends a request with `length` bytes of texts. Does not block on the sandbox; returns 0 or a negated errno.
int sk_sandbox_ask(int spawner, const struct sk_sandbox_request *request, const void *texts, uint32_t length, const int *descriptors, uint32_t count);

// MARK: What it tells

/// Why a sandbox is gone.
enum { SK_ENDED_EXITED = 0, SK_ENDED_KILLED = 1, SK_ENDED_OUT_OF_MEMORY = 2, SK_ENDED_NOT_STARTED = 3, SK_ENDED_OUT_OF_WATCHES = 4 };

/// The one message on a lifeline, when everything that was in the sandbox is gone. The lifeline without one: the spawner is gone.
struct sk_sandbox_end {
  uint32_t cause;
  int32_t status;        // of the program: 0–255; 128 + a signal's number when that ended it
  uint64_t peak_bytes;   // the most memory it used; 0 where nobody knows
  char text[SK_SANDBOX_TEXT_BYTES];  // what failed, of NOT_STARTED
};

/// Reads a lifeline. Returns 1 and the message, 0 when nothing has happened yet, -1 when the spawner is gone.
int sk_sandbox_read_end(int lifeline, struct sk_sandbox_end *end);

/// Receives a descriptor from the `control` of a sandbox with SK_SANDBOX_RUNTIME_API: its listener, non-blocking. Returns it or a negated errno;
/// EAGAIN before the sandbox is up.
int sk_sandbox_take_listener(int control);
