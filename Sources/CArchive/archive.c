#include "CArchive.h"
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <zip.h>

// The library's type under our name: one archive.
static zip_t *of(const sk_archive *archive) { return (zip_t *)archive; }

sk_archive *sk_archive_open(const char *path, char *words) {
  int code = 0;
  zip_t *archive = zip_open(path, ZIP_RDONLY | ZIP_CHECKCONS, &code);
  if (archive) return (sk_archive *)archive;
  zip_error_t error;
  zip_error_init_with_code(&error, code);
  snprintf(words, SK_ARCHIVE_WORDS, "%s", zip_error_strerror(&error));
  zip_error_fini(&error);
  return NULL;
}

void sk_archive_close(sk_archive *archive) {
  if (archive) zip_discard(of(archive));
}

uint64_t sk_archive_count(const sk_archive *archive) {
  zip_int64_t count = zip_get_num_entries(of(archive), 0);
  return count > 0 ? (uint64_t)count : 0;
}

int32_t sk_archive_entry(sk_archive *archive, uint64_t index, sk_entry *entry) {
  zip_stat_t status;
  memset(entry, 0, sizeof *entry);
  // The name's own bytes: libzip would guess an encoding for those that say none.
  if (zip_stat_index(of(archive), index, ZIP_FL_ENC_RAW, &status) < 0) return 0;
  if (!(status.valid & ZIP_STAT_NAME) || !(status.valid & ZIP_STAT_SIZE)) return 0;
  entry->name = status.name;
  entry->name_bytes = strlen(status.name);
  entry->bytes = status.size;
  entry->is_encrypted = (status.valid & ZIP_STAT_ENCRYPTION_METHOD) && status.encryption_method != ZIP_EM_NONE;
  int is_folder = entry->name_bytes > 0 && status.name[entry->name_bytes - 1] == '/';
  entry->kind = is_folder ? sk_entry_folder : sk_entry_file;
  zip_uint8_t system = 0;
  zip_uint32_t attributes = 0;
  if (zip_file_get_external_attributes(of(archive), index, 0, &system, &attributes) < 0 || system != ZIP_OPSYS_UNIX) return 1;
  mode_t mode = attributes >> 16;
  if ((mode & S_IFMT) == S_IFLNK) entry->kind = sk_entry_link;
  else if ((mode & S_IFMT) == S_IFDIR) entry->kind = sk_entry_folder;
  else if ((mode & S_IFMT) != 0 && (mode & S_IFMT) != S_IFREG) entry->kind = sk_entry_other;
  entry->is_executable = (mode & 0111) != 0;
  return 1;
}

int32_t sk_archive_read(sk_archive *archive, uint64_t index, uint8_t *into, uint64_t bytes, char *words) {
  zip_file_t *file = zip_fopen_index(of(archive), index, 0);
  if (!file) {
    snprintf(words, SK_ARCHIVE_WORDS, "%s", zip_strerror(of(archive)));
    return 0;
  }
  uint64_t done = 0;
  zip_int64_t count = 0;
  while (done < bytes && (count = zip_fread(file, into + done, bytes - done)) > 0) done += (uint64_t)count;
  // One byte further: where the checksum is looked at, and whether there is more than was declared.
  uint8_t further;
  if (count >= 0 && done == bytes) count = zip_fread(file, &further, 1);
  int is_good = done == bytes && count == 0;
  if (!is_good) snprintf(words, SK_ARCHIVE_WORDS, "%s", count < 0 ? zip_error_strerror(zip_file_get_error(file)) : "its size is not what it says");
  zip_fclose(file);
  return is_good;
}
