// A file that lives in memory, for bodies that are sent without being copied (memfd_create(2), fallocate(2), sendfile(2)).
#pragma once
#include <stddef.h>
#include <stdint.h>

/// A file in memory without a name in any folder; closed on exec. A descriptor, or -1 with errno.
int skerry_memory_file(const char *name);
/// Gives the pages of a range back to the system; the file keeps its length, and readers of the range see zeros. Pages on their way out of a
/// socket keep their content. 0, or -1 with errno.
int skerry_punch_hole(int file, int64_t offset, int64_t count);
/// Maps so many bytes of a file for reading, those beyond its present end included. NULL when there is no room for them.
const void *skerry_map_file(int file, size_t bytes);
void skerry_unmap(const void *memory, size_t bytes);
/// Sends bytes of a file to a socket without copying them. How many were taken, or -1 with errno.
int64_t skerry_send_file(int socket, int file, int64_t offset, size_t count);
/// Sends bytes that more will follow soon (MSG_MORE): a small head then travels with them. How many were taken, or -1 with errno.
int64_t skerry_send_more(int socket, const void *bytes, size_t count);
