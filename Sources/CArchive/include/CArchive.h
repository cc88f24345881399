// The few things Skerry wants of libzip, as plain functions: the entries of an archive's central directory, and their bytes. See libzip(3).
// An archive belongs to one thread at a time.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// Bytes of a reason in words, its end included.
enum { SK_ARCHIVE_WORDS = 256 };

typedef struct sk_archive sk_archive;

/// What kind of thing an entry is.
typedef enum { sk_entry_file, sk_entry_folder, sk_entry_link, sk_entry_other } sk_entry_kind;

/// An entry as the central directory has it.
typedef struct {
  const char *_Nullable name;  // ends with NUL; valid until the archive is closed
  size_t name_bytes;
  uint64_t bytes;              // uncompressed, as declared
  sk_entry_kind kind;
  int32_t is_executable, is_encrypted;
} sk_entry;

/// Opens an archive and checks its directory; NULL with words.
sk_archive *_Nullable sk_archive_open(const char *_Nonnull path, char words[_Nonnull SK_ARCHIVE_WORDS]);
void sk_archive_close(sk_archive *_Nullable archive);
uint64_t sk_archive_count(const sk_archive *_Nonnull archive);
/// Describes an entry; 1, or 0 when it cannot be.
int32_t sk_archive_entry(sk_archive *_Nonnull archive, uint64_t index, sk_entry *_Nonnull entry);
/// Reads an entry, which must have exactly `bytes` bytes and the right checksum; 1, or 0 with words.
int32_t sk_archive_read(sk_archive *_Nonnull archive, uint64_t index, uint8_t *_Nullable into, uint64_t bytes, char words[_Nonnull SK_ARCHIVE_WORDS]);
