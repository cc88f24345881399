// Owns: what is done in the network of a sandbox from outside, before its program starts: the listener of its Runtime API; and for
// `network: outbound` pasta, which carries its connections out, and the routes that lead no further. bubblewrap made the network with the user
// namespace that the sandbox began in; who owns that one may enter both. No program of ours runs inside for this.
#include "parts.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <ifaddrs.h>
#include <linux/nsfs.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/// The namespaces of a sandbox: its network, and who may say what happens there.
struct place {
  int network, owner;
};

static int find_place(pid_t inner, struct place *place) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/ns/net", (int)inner);
  place->network = open(path, O_RDONLY | O_CLOEXEC);
  if (place->network < 0) return errno;
  place->owner = ioctl(place->network, NS_GET_USERNS);
  return place->owner < 0 ? errno : 0;
}

/// Becomes the user who owns the sandbox's first user namespace. 0: is that already.
static int become(uid_t user) {
  if (user == 0) return 0;
  return setgroups(0, NULL) < 0 || setresgid(user, user, user) < 0 || setresuid(user, user, user) < 0 ? errno : 0;
}

/// Enters the network, with every right in it; for a child of the spawner. Returns 0 or an errno.
static int enter(pid_t inner, uid_t user) {
  struct place place;
  int error = find_place(inner, &place);
  if (!error) error = become(user);
  if (!error && (setns(place.owner, CLONE_NEWUSER) < 0 || setns(place.network, CLONE_NEWNET) < 0)) error = errno;
  return error;
}

/// Runs something in a child, which alone enters what it enters. Returns 0 or a negated errno.
static int in_child(int (*body)(const void *), const void *argument) {
  pid_t own = getpid(), child = fork();
  if (child == 0) tie_to(own);
  if (child == 0) _exit(body(argument));
  int status = 0;
  pid_t ended;
  do ended = child < 0 ? -1 : waitpid(child, &status, 0); while (ended < 0 && child > 0 && errno == EINTR);
  if (ended < 0) return -errno;
  return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

// MARK: The Runtime API's listener

struct listening {
  pid_t inner;
  uid_t user;
  int control;
};

static int send_descriptor(int socket, int descriptor) {
  union {
    struct cmsghdr head;
    char bytes[CMSG_SPACE(sizeof(int))];
  } control = {0};
  char byte = 'L';
  struct iovec bytes = {&byte, 1};
  struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  struct cmsghdr *head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(head), &descriptor, sizeof descriptor);
  return sendmsg(socket, &message, MSG_NOSIGNAL) < 0 ? errno : 0;
}

static int listen_inside(const void *argument) {
  const struct listening *listening = argument;
  int error = enter(listening->inner, listening->user), yes = 1;
  if (error) return error;
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(SK_SANDBOX_RUNTIME_PORT), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  if (listener < 0) return errno;
  // bubblewrap may not have given the loopback interface its address yet.
  setsockopt(listener, IPPROTO_IP, IP_FREEBIND, &yes, sizeof yes);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 64) < 0) return errno;
  return send_descriptor(listening->control, listener);
}

int network_listen(pid_t inner, uid_t user, int control) {
  struct listening listening = {inner, user, control};
  return in_child(listen_inside, &listening);
}

// MARK: Outbound

/// The sandbox's own addresses: of a range for benchmarks (RFC 2544) that no network is to carry.
#define OWN_ADDRESS "198.18.0.2"
#define GATEWAY NETWORK_RESOLVER
#define INTERFACE "eth0"

/// Waits until bubblewrap has set up the loopback interface: pasta would do it as well, and the second one fails.
static int await_loopback(const void *argument) {
  enum { PATIENCE = 5000 };  // looks, a millisecond apart
  const struct listening *place = argument;
  pid_t parent = getppid();
  int error = enter(place->inner, place->user);
  tie_to(parent);  // anew: it is somebody else
  int any = error ? -1 : socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct ifreq interface = {.ifr_name = "lo"};
  for (int i = 0; any >= 0 && i < PATIENCE; i++) {
    if (ioctl(any, SIOCGIFFLAGS, &interface) == 0 && (interface.ifr_flags & IFF_UP)) return 0;
    usleep(1000);
  }
  return error ? error : ETIMEDOUT;
}

static void move(int *descriptor, int lowest) { *descriptor = fcntl(*descriptor, F_DUPFD_CLOEXEC, lowest); }

/// In the child that becomes pasta: 3 its pid file, 4 and 5 the namespaces.
static _Noreturn void become_pasta(const char *pasta, pid_t inner, const struct place *place, uid_t user, int ready, pid_t spawner) {
  tie_to(spawner);
  struct listening waited = {inner, user, -1};
  if (in_child(await_loopback, &waited) < 0) _exit(125);
  int given[] = {open("/dev/null", O_RDWR | O_CLOEXEC), ready, ready, ready, place->owner, place->network};
  enum { COUNT = sizeof given / sizeof *given };
  for (int i = 0; i < COUNT; i++) move(&given[i], 32);
  for (int i = 0; i < COUNT; i++) if (dup2(given[i], i) < 0) _exit(126);
  syscall(SYS_close_range, COUNT, ~0u, 0);
  for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  if (become(user) != 0) _exit(126);
  tie_to(spawner);
  char *const words[] = {
      "pasta", "--quiet", "--foreground", "--pid", "/proc/self/fd/3", "--ipv4-only", "--config-net", "--ns-ifname", INTERFACE,
      "--address", OWN_ADDRESS, "--netmask", "30", "--gateway", GATEWAY, "--dns-forward", NETWORK_RESOLVER,
      // Nothing of this machine's own: not by the gateway's address, and no port in either direction.
      "--no-map-gw", "--tcp-ports", "none", "--udp-ports", "none", "--tcp-ns", "none", "--udp-ns", "none",
      "--no-dhcp", "--no-dhcpv6", "--no-ndp", "--no-ra", "--userns", "/proc/self/fd/4", "--netns", "/proc/self/fd/5", NULL,
  };
  execve(pasta, words, (char *[]){NULL});
  _exit(127);
}

pid_t network_connect(const char *pasta, pid_t inner, uid_t user, int *ready) {
  struct place place = {-1, -1};
  int ends[2] = {-1, -1}, error = find_place(inner, &place);
  pid_t process = -1;
  // Its pid file is a pipe: it writes there when the network is up, and before that what fails.
  if (!error && (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0 || (user && fchown(ends[1], user, user) < 0))) error = errno;
  pid_t spawner = getpid();
  if (!error && (process = fork()) == 0) become_pasta(pasta, inner, &place, user, ends[1], spawner);
  if (!error && process < 0) error = errno;
  if (place.network >= 0) close(place.network);
  if (place.owner >= 0) close(place.owner);
  if (ends[1] >= 0) close(ends[1]);
  if (!error) {
    *ready = ends[0];
    return process;
  }
  if (ends[0] >= 0) close(ends[0]);
  return -error;
}

/// Where no function goes (RFC 6890): this machine, its neighbours, link-local and with it the metadata services of clouds. These addresses are the
/// sandbox's own, as its loopback's are: who asks them asks itself. A route that fails would do only for who does not name the interface
/// (SO_BINDTODEVICE, IP_PKTINFO, IP_UNICAST_IF): where all routes fail, Linux takes it that such a destination is on the interface's link.
static const struct prefix {
  const char *address;
  unsigned char length;
} nowhere[] = {
    {"0.0.0.0", 8},    {"10.0.0.0", 8},     {"100.64.0.0", 10}, {"127.0.0.0", 8}, {"169.254.0.0", 16}, {"172.16.0.0", 12},
    {"192.0.0.0", 24}, {"192.168.0.0", 16}, {"198.18.0.0", 15}, {"224.0.0.0", 4}, {"240.0.0.0", 4},    {"168.63.129.16", 32},
};
enum { MOST_ADDRESSES = 64 };

struct blocking {
  pid_t inner;
  uid_t user;
  struct in_addr own[MOST_ADDRESSES];  // this machine's addresses: what listens on all of them listens there
  int count;
};

/// In the main table: what pasta has set up is more exact, and nothing can be bound to these addresses.
static int keep_inside(int socket, unsigned interface, struct in_addr address, unsigned char length) {
  struct {
    struct nlmsghdr head;
    struct rtmsg route;
    struct rtattr attribute;
    struct in_addr destination;
    struct rtattr out;
    unsigned interface;
  } request = {
      .head = {.nlmsg_len = sizeof request, .nlmsg_type = RTM_NEWROUTE, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE},
      .route = {.rtm_family = AF_INET, .rtm_dst_len = length, .rtm_table = RT_TABLE_MAIN, .rtm_protocol = RTPROT_STATIC, .rtm_scope = RT_SCOPE_HOST,
                .rtm_type = RTN_LOCAL},
      .attribute = {.rta_len = RTA_LENGTH(sizeof(struct in_addr)), .rta_type = RTA_DST},
      .destination = address,
      .out = {.rta_len = RTA_LENGTH(sizeof(unsigned)), .rta_type = RTA_OIF},
      .interface = interface,
  };
  struct {
    struct nlmsghdr head;
    struct nlmsgerr error;
  } answer;
  if (send(socket, &request, sizeof request, 0) != sizeof request) return errno;
  ssize_t got = recv(socket, &answer, sizeof answer, 0);
  if (got < (ssize_t)sizeof answer.head || answer.head.nlmsg_type != NLMSG_ERROR) return EPROTO;
  return -answer.error.error;
}

static int block_inside(const void *argument) {
  const struct blocking *blocking = argument;
  int error = enter(blocking->inner, blocking->user);
  int routes = error ? -1 : socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (!error && routes < 0) error = errno;
  unsigned interface = error ? 0 : if_nametoindex(INTERFACE);
  if (!error && interface == 0) error = errno;
  for (size_t i = 0; !error && i < sizeof nowhere / sizeof *nowhere; i++) {
    struct in_addr address;
    inet_pton(AF_INET, nowhere[i].address, &address);
    error = keep_inside(routes, interface, address, nowhere[i].length);
  }
  for (int i = 0; !error && i < blocking->count; i++) error = keep_inside(routes, interface, blocking->own[i], 32);
  // Without nf_tables who names the interface has the groups of the link (function-tier.md).
  if (!error) packets_keep_groups_out();
  return error;
}

int network_block(pid_t inner, uid_t user) {
  struct blocking blocking = {.inner = inner, .user = user};
  struct ifaddrs *all = NULL;
  if (getifaddrs(&all) < 0) return -errno;
  int is_whole = 1;
  for (struct ifaddrs *one = all; one; one = one->ifa_next) {
    if (!one->ifa_addr || one->ifa_addr->sa_family != AF_INET) continue;
    struct in_addr address = ((struct sockaddr_in *)one->ifa_addr)->sin_addr;
    if (ntohl(address.s_addr) >> 24 == 127) continue;
    if (blocking.count == MOST_ADDRESSES) is_whole = 0; else blocking.own[blocking.count++] = address;
  }
  freeifaddrs(all);
  return is_whole ? in_child(block_inside, &blocking) : -E2BIG;
}
