// What the spawner's files share. Nothing here is seen by the proxy.
#pragma once
#define _GNU_SOURCE
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "CSandbox.h"

enum {
  PATH_BYTES = SK_SANDBOX_PATH_BYTES,
  /// bubblewrap's: the one outside, and 1 inside.
  SK_OWN_PROCESSES = 2,
};

// MARK: cgroups.c: the kernel's limits

/// Where groups are made. A path is empty where there is no such controller that may be used.
struct cgroups {
  int version;  // of what limits memory
  char memory[PATH_BYTES], cpu[PATH_BYTES], processes[PATH_BYTES];  // the folder of this spawner, in which each sandbox gets one
  char unified[PATH_BYTES];  // version 2's, whatever controllers it has: every group there can be frozen, and killed as one
  char freezer[PATH_BYTES];  // version 1's, where there is no `unified`
  unsigned left;  // processes that dead owners had left, killed
  int is_crowded;  // version 2 keeps controllers from us since there are other programs in our group
};

/// What a sandbox's memory is watched by.
struct memory_watch {
  int crossed, out_of_memory;  // eventfds or a file to poll for EPOLLPRI; -1
  int usage, statistics, events;  // open files; -1
};

/// Finds and makes the folders. `program`: the process whose sandboxes they are for.
void cgroups_find(struct cgroups *cgroups, pid_t program);
/// Makes the groups of a slot, and opens what tells of them. Returns 0 or a negated errno.
int cgroups_make(const struct cgroups *cgroups, unsigned slot, struct memory_watch *watch);
/// Sets the groups' limits and moves the calling process into them. For the process that becomes the sandbox: in version 1 each of these steps
/// may wait for every processor (10 ms and more), which the spawner must not. Before it closes what `watch` has. Returns 0 or a negated errno.
/// `is_inside`: whether it was born in version 2's.
int cgroups_join(const struct cgroups *cgroups, unsigned slot, const struct memory_watch *watch, uint64_t memory, uint64_t temporary, unsigned processes,
                 int is_inside);
/// The folder of a slot's group of version 2, to be born in: O_PATH; -1 where there is none.
int cgroups_open(const struct cgroups *cgroups, unsigned slot);
/// Whether groups can be frozen.
int cgroups_can_freeze(const struct cgroups *cgroups);
/// Has nothing in a group run any more, or run again. Does not wait for it.
void cgroups_freeze(const struct cgroups *cgroups, unsigned slot, int frozen);
/// Kills everything in a group at once. Returns 0 where the kernel cannot: then it is only made sure that nothing in it is frozen, which in version 1
/// would not die.
int cgroups_kill(const struct cgroups *cgroups, unsigned slot);
/// `share`: of one processor, in thousandths.
void cgroups_limit_cpu(const struct cgroups *cgroups, unsigned slot, unsigned share);
void cgroups_remove(const struct cgroups *cgroups, unsigned slot);
void cgroups_remove_all(const struct cgroups *cgroups);
uint64_t cgroups_peak(const struct cgroups *cgroups, unsigned slot);
/// Bytes used in all; and of them those that a program holds, as opposed to files: what it allocated.
uint64_t cgroups_usage(const struct memory_watch *watch);
uint64_t cgroups_allocated(const struct cgroups *cgroups, const struct memory_watch *watch);
/// And those that no file on a disk stands behind but may be mapped by several: /tmp, and what is mapped without a file.
uint64_t cgroups_shared(const struct memory_watch *watch);
/// Has the group's watch tell when it uses more than so much in all; 0: not any more. In version 2 the kernel slows whoever is above down, to standing
/// still, as long as it is to tell; what is in /tmp may be above for good. Version 1 tells each time.
void cgroups_tell(const struct cgroups *cgroups, unsigned slot, uint64_t memory);
/// Whether the kernel has killed for want of memory.
int cgroups_has_killed(const struct cgroups *cgroups, const struct memory_watch *watch);
void memory_watch_close(struct memory_watch *watch);

// MARK: leftovers.c: whose groups are whose

/// Kills what those left in their folders in `parent` who are certainly gone, and removes the folders. Waits for it, 5 s in all at most. Returns
/// how many processes that were.
unsigned leftovers_end(const char *parent);
/// Makes a folder for groups in the folder that it is given, leaves its path there, and holds it as long as this process or one that it has forked
/// lives. Returns 0 when it cannot.
int group_hold(char folder[PATH_BYTES]);

// MARK: launch.c: from a request to a process that executes bubblewrap

/// A folder of which anything may be shown, or a file.
struct root {
  char path[PATH_BYTES];
  int place;       // O_PATH: the folder, or the deepest one above it that was there at the spawner's birth
  size_t opened;   // how much of the path leads there
};

struct house {
  struct root roots[SK_SANDBOX_FOLDERS];
  int root_count;
  int filter;  // a memfd; -1
  int private_mounts;  // whether a mount namespace can be made as root
  struct sk_spawner_facts facts;
  struct cgroups cgroups;
};

/// A sandbox being launched: the process, and our ends of what it was given.
struct launch {
  pid_t process;
  int status, block;  // to be read; to be written to and closed
};

/// `texts`: as in struct sk_sandbox_request, checked here. `descriptors`: four. Returns 0, or -1 with a reason in `text`.
int launch(const struct house *house, const struct sk_sandbox_request *request, const char *texts, size_t length, const int *descriptors,
           const struct memory_watch *watch, struct launch *result, char text[SK_SANDBOX_TEXT_BYTES]);
/// Whether the calling process can have mounts of its own, which the system does not see.
int can_mount_privately(void);

// MARK: tie.c: what bubblewrap starts ends with us

/// Has the kernel kill the caller when its parent ends. Ends at once when that is not `parent` any more. Undone by becoming another user.
void tie_to(pid_t parent);
/// Has the kernel kill a child when the caller ends, and what it starts, which stops for a word of ours (waitpid(2)) before it does anything.
/// Nothing happens where the kernel does not let us.
void tie(pid_t process);
/// Of what has stopped with a status: whether it has just started a process.
int tie_has_started_one(int status);
/// It goes on, without the tie; with it; with it until it waits for a child, stopping many times on the way there. Of the latter: whether the tie still
/// holds. Signals are lost: 1 of a namespace, which would get none of those that its own send it, would get them from us.
void tie_end(pid_t process);
void tie_go_on(pid_t process);
int tie_go_on_until_it_waits(pid_t process, int status);

// MARK: birth.c

/// Waits until no process is left below the caller, who has killed them, 5 s at most: a group is removed once nobody is in it.
void await_children(void);

// MARK: spawner.c

/// The spawner: takes requests from a socket until its other end is closed; then ends, with status 0, and with it every sandbox.
_Noreturn void spawner_serve(int requests, const struct house *house, volatile uint64_t *peaks);

// MARK: filter.c

/// A memfd with the filter of system calls for what runs in a sandbox; -1. `is_watched`: memory is limited by looking at processes, so what
/// no process shows must not be had. `shares_user`: with the proxy and other sandboxes.
int filter_make(int is_watched, int shares_user);

// MARK: network.c: `user`: whom the sandbox runs as; 0 for the spawner's own

/// The resolver's address in a sandbox with `network: outbound`; pasta hands on to the machine's.
#define NETWORK_RESOLVER "198.18.0.1"
/// Listens on 127.0.0.1 in the network of a process and sends the listener over `control`. Returns 0 or a negated errno.
int network_listen(pid_t inner, uid_t user, int control);
/// Starts pasta for the network of a process. Returns its process, or a negated errno; what `ready` gives to read are complaints, up to a line
/// with only a number when the network is up; its end when pasta is gone.
pid_t network_connect(const char *pasta, pid_t inner, uid_t user, int *ready);
/// Makes unreachable what `network: outbound` is not to reach. Once the network is up. Returns 0 or a negated errno.
int network_block(pid_t inner, uid_t user);

// MARK: packets.c

/// Has packets to groups of the link dropped, in the network that the caller is in. Returns 0 or an errno: not every kernel has nf_tables.
int packets_keep_groups_out(void);

// MARK: watch.c: what is counted by nobody but us

/// The memory of a process and all below it, in bytes. More than `enough` is counted again with care: what several of them share, once.
/// `program`: receives the first process below it.
uint64_t tree_memory(pid_t inner, uint64_t enough, pid_t *program);
/// Bytes in the /tmp of a process; UINT64_MAX when it may not be looked at.
uint64_t temporary_bytes(pid_t process);
/// The memory of one process, in pages: enough to see whether anything happens.
uint64_t resident_pages(pid_t process);
enum {
  /// Milliseconds of processor time that looking for epoll watches takes, and the text of one sandbox's besides: whose takes longer has very many.
  WATCHERS_LONGEST = 200,
  WATCHERS_LONGEST_FOR_ONE = 200,
};
/// Which of some processes hold, with all below them, more than so many epoll watches: in `more`. `inner`: 0 for none. Looks from `first` on, in a child,
/// which is killed when it takes too long; waits for it, 2 s at most. Returns where to go on the next time.
unsigned watchers_find(const pid_t inner[SK_SANDBOXES], unsigned first, unsigned most, uint8_t more[SK_SANDBOXES]);
