// Loaded into a program: each process has three epoll watches, and none further (fs.epoll.max_user_watches).
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <sys/epoll.h>

int epoll_ctl(int epoll, int what, int descriptor, struct epoll_event *event) {
  static int watches;
  static int (*real)(int, int, int, struct epoll_event *);
  if (!real) real = (int (*)(int, int, int, struct epoll_event *))dlsym(RTLD_NEXT, "epoll_ctl");
  if (what == EPOLL_CTL_ADD && ++watches > 3) {
    errno = ENOSPC;
    return -1;
  }
  return real(epoll, what, descriptor, event);
}
