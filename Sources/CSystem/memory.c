// See SkerryMemory.h.
#define _GNU_SOURCE
#include "SkerryMemory.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

int skerry_memory_file(const char *name) { return memfd_create(name, MFD_CLOEXEC); }

int skerry_punch_hole(int file, int64_t offset, int64_t count) {
  return fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, count);
}

const void *skerry_map_file(int file, size_t bytes) {
  void *memory = mmap(NULL, bytes, PROT_READ, MAP_SHARED | MAP_NORESERVE, file, 0);
  return memory == MAP_FAILED ? NULL : memory;
}

void skerry_unmap(const void *memory, size_t bytes) { munmap((void *)memory, bytes); }

int64_t skerry_send_file(int socket, int file, int64_t offset, size_t count) {
  off_t from = offset;
  return sendfile(socket, file, &from, count);
}

int64_t skerry_send_more(int socket, const void *bytes, size_t count) { return send(socket, bytes, count, MSG_NOSIGNAL | MSG_MORE); }
