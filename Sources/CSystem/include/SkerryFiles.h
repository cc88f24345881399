// Opening files below a folder and never outside of it (openat2(2), Linux 5.6).
#pragma once

/// Opens a file for reading, relative to a folder's descriptor. No step of the path, symbolic links included, may lead out of the folder
/// (EXDEV then). Never waits for a FIFO's other end, never becomes a controlling terminal.
/// Returns a descriptor, or -1 with errno.
int skerry_open_beneath(int folder, const char *path);
/// Opens a folder to be given to `skerry_open_beneath`. Returns a descriptor, or -1 with errno.
int skerry_open_folder(const char *path);
