// What looks for epoll watches, with a kernel that takes for ever to make the text of one descriptor's. Says on stderr what is not as it should be; never
// ends where somebody waits for that text.
#define _GNU_SOURCE
#include <sys/types.h>
#include <unistd.h>
static ssize_t read_or_not(int file, void *bytes, size_t size);
#define read read_or_not
#include "../../../Sources/CSandbox/watch.c"
#undef read
#include "../../../Sources/CSandbox/tie.c"
#include <sys/epoll.h>

static ssize_t read_or_not(int file, void *bytes, size_t size) {
  char link[64], path[256];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t length = readlink(link, path, sizeof path - 1);
  path[length > 0 ? length : 0] = 0;
  for (volatile int turns = 0; strstr(path, "/fdinfo/");) turns++;
  return read(file, bytes, size);
}

/// A process that holds an epoll instance or not.
static pid_t somebody(int watches) {
  int ready[2];
  if (pipe(ready) < 0) abort();
  pid_t child = fork();
  if (child == 0) {
    if (watches) epoll_create1(0);
    (void)!write(ready[1], "", 1);
    for (;;) pause();
  }
  char byte;
  (void)!read(ready[0], &byte, 1);
  return child;
}

/// Looks from `first` on, and is to come to `next` 8. Where the machine is so busy that the time for all is over before, it is looked again.
static void look(const pid_t inner[SK_SANDBOXES], uint8_t more[SK_SANDBOXES], unsigned first, unsigned seventh) {
  unsigned next = 0;
  for (int attempt = 0; attempt < 20; attempt++) {
    next = watchers_find(inner, first, 10, more);
    if (!more[3] && more[7] == seventh && next == 8) return;
  }
  fprintf(stderr, "from %u on: 3: %u, 7: %u, next: %u\n", first, more[3], more[7], next);
}

int main(void) {
  static pid_t inner[SK_SANDBOXES];
  static uint8_t more[SK_SANDBOXES];
  inner[3] = somebody(0);
  inner[7] = somebody(1);
  look(inner, more, 0, 1);
  kill(inner[7], SIGKILL);
  inner[7] = 0;
  look(inner, more, 8, 0);
  kill(inner[3], SIGKILL);
  return 0;
}
