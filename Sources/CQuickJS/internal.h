// What the files of this folder share: an isolate's parts, and who writes them.
//
//   arena.c   memory (snapshot.c)                   limit.c      CPU limit         isolate.c  build, run, put back
//   recall.c  results of earlier runs
//   event.c   event objects, filled on first access result.c     what the handler returned (readback.c, failure.c)
//   source.c  import lines                          mentioned.c  what is made before the snapshot
//   store.c   key-value stores, which many isolates share (store_fill.c)
//   document.c  events given as JSON, for invoke and test
//   text.c   strings as UTF-8, and back
//   host*.c   globals and modules that functions may use
//
// Host memory (this struct) is written during a run only where `sk_isolate_run` resets it; everything else a run
// needs comes from the arena. JSValues kept here belong to the snapshot and are never freed: finalizers never run.
#pragma once
#include <string.h>

#include "arena.h"
#include "engine_options.h"
#include "include/CQuickJS.h"
#include "limit.h"
#include "quickjs/quickjs.h"

/// The collections of named values an event has.
typedef enum {
  SET_REQUEST_HEADERS, SET_QUERY, SET_REQUEST_COOKIES, SET_RESPONSE_HEADERS, SET_RESPONSE_COOKIES, SETS
} sk_set_id;

/// What a lazy property stands for; its opaque pointer is `index << 8 | kind`.
typedef enum {
  LAZY_CONTEXT, LAZY_VIEWER, LAZY_METHOD, LAZY_URI, LAZY_STATUS, LAZY_STATUS_DESCRIPTION,
  LAZY_SET = 16,   // + sk_set_id: the whole object
  LAZY_ITEM = 32,  // + sk_set_id: the value of one name; index is its first item
  LAZY_MODULE = 48 // index: sk_module
} sk_lazy;

/// One occurrence of a name, as received. Items of one name are chained from the first to the last.
typedef struct {
  sk_slice name, value, attributes;  // attributes: response cookies
  sk_slice raw;                      // the whole piece, for writing it back unchanged
  JSAtom atom;                       // JS_ATOM_NULL: invisible to the function
  uint32_t next, last;               // 0: none; last is kept in the first item
  bool first, seen;                  // seen: met again while reading back
} sk_item;

/// Parts of an event that a run may read; what is left out has no influence on its result (recall.c).
typedef enum {
  READ_METHOD = 1, READ_URI = 2, READ_QUERY = 4, READ_VIEWER = 8, READ_STATUS = 16, READ_DESCRIPTION = 32, READ_STORE = 64,
  READ_REQUEST_NAMES = 128, READ_RESPONSE_NAMES = 256,  // names of all header lines
  READ_ELSE = 512,                                      // what no other event has: the request's id, the connection's own address
} sk_part;

/// What a run has read: `sk_part`s, and the values of header lines, request's and response's, a bit for each of the first 64.
typedef struct { uint64_t parts, values[2]; } sk_reading;

typedef struct sk_recall sk_recall;

typedef struct {
  bool built;
  uint32_t count;
  sk_item *items;  // in the arena
} sk_set;

/// Names that are looked up in every run.
typedef struct {
  JSAtom value, multi_value, attributes, method, uri, querystring, headers, cookies, status_code,
      status_description, body, encoding, data, stack;
} sk_atoms;

/// What is made when it is first asked for. The first four can be required.
typedef enum {
  MODULE_CRYPTO, MODULE_QUERYSTRING, MODULE_BUFFER, MODULE_CLOUDFRONT, MODULE_TEXT_ENCODER, MODULE_TEXT_DECODER, MODULES
} sk_module;

/// Modules made so far. Those of the snapshot come first; one made during a run is gone with it.
typedef struct {
  bool made[MODULES];
  JSValue objects[MODULES], buffer_prototype;
} sk_modules;

typedef struct {
  uint32_t count, used;                  // lines; bytes in text
  uint32_t ends[SK_LOG_LINES_MAX];       // where each line ends in text
  uint8_t text[SK_LOG_MAX];
} sk_log;

struct sk_isolate {
  sk_thread *thread;
  sk_arena *arena;
  sk_limits limits;
  JSRuntime *runtime;
  JSContext *context;
  JSValue handler, events[2];            // events by sk_event_type
  JSValue uint8_array;                   // the engine's own, which user code cannot replace
  sk_modules snapshot_modules;
  JSClassID hash_class, handle_class, decoder_class;
  sk_atoms atoms;
  int interrupt_counter;                 // at the snapshot
  sk_recall *recall;                     // results of earlier runs; NULL: none are kept
  // Reset by every run:
  const sk_event *event;
  sk_reading reading;
  uint64_t random_state;                 // as the run began
  bool keeps, recalled;                  // whether the result may be kept; whether it was, and there was no run
  JSValue argument, returned;            // what the handler is given, and what it gave (a promise's value)
  const sk_store *store;                 // NULL: none; while building `limits.store`, in a run `event->store`
  sk_set sets[SETS];
  sk_modules modules;
  uint64_t polls;
  size_t edit_capacity, edit_lines, edit_bytes;
  sk_edit *edits;                        // in the arena
  const sk_origin_choice *origin;        // in the arena; NULL: the assigned one
  const char *misuse;                    // in the arena: the first wrong call of a helper; NULL: none
  uint32_t store_reads, store_read_errors;
  uint32_t log_data_count;
  uint8_t log_data[SK_LOG_DATA_MAX];
  sk_result result;
  sk_log log;
};

static inline sk_isolate *sk_isolate_of(JSContext *context) { return JS_GetRuntimeOpaque(JS_GetRuntime(context)); }
static inline void *sk_lazy_opaque(uint32_t kind, uint32_t index) { return (void *)((uintptr_t)index << 8 | kind); }
static inline uint32_t sk_lazy_kind(void *opaque) { return (uint32_t)((uintptr_t)opaque & 0xff); }
static inline uint32_t sk_lazy_index(void *opaque) { return (uint32_t)((uintptr_t)opaque >> 8); }

static inline void sk_note(sk_isolate *isolate, sk_part part) { isolate->reading.parts |= part; }
/// Notes that the value of a header line was looked at, by its number.
static inline void sk_note_value(sk_isolate *isolate, bool response, uint32_t line) {
  if (line < 64) isolate->reading.values[response] |= (uint64_t)1 << line;
  else sk_note(isolate, READ_ELSE);
}

static inline JSValueConst sk_argument(int count, JSValueConst *arguments, int index) {
  return index < count ? arguments[index] : JS_UNDEFINED;
}

/// Counts bytes that host code hashes, searches, compares or copies as steps of the engine (fuel).
static inline void sk_charge_bytes(JSContext *context, size_t count) { JS_Charge(context, count / 64); }

// text.c
/// A value's string as UTF-8, a zero byte behind it; lone surrogates become U+FFFD. Lent until the heap is put back. What
/// is no string is converted, which runs user code. False: exception.
bool sk_text_of(JSContext *context, JSValueConst value, sk_slice *text);
/// Puts U+FFFD in the place of lone surrogates, as the engine writes them: of the same length.
void sk_replace_surrogates(uint8_t *bytes, size_t count);
/// `sk_text_of` of a property's name.
bool sk_text_of_atom(JSContext *context, JSAtom atom, sk_slice *text);
/// A string of bytes off the wire: UTF-8, or ISO-8859-1 when they are not valid UTF-8.
JSValue sk_string(JSContext *context, sk_slice bytes);
/// A string of UTF-8; in what is none, U+FFFD for each longest beginning of a character.
JSValue sk_string_of_utf8(JSContext *context, sk_slice bytes);
bool sk_is_utf8(sk_slice bytes);
/// Whether two texts have the same bytes.
bool sk_same(sk_slice a, sk_slice b);
/// How many bytes at the end begin a character that is not whole: 0 to 3.
size_t sk_unfinished(sk_slice bytes);

/// Text that grows in the arena; begins as `{.context = context}`.
typedef struct { JSContext *context; sk_slice text; size_t capacity; } sk_growing;
/// False: no memory, exception pending.
bool sk_append(sk_growing *growing, sk_slice piece);

/// Bytes of a name of the function's that an error text shows.
enum { SK_SHOWN_NAME_MAX = 100 };

/// How many of the first `most` bytes of UTF-8 text are whole characters.
static inline size_t sk_whole_characters(sk_slice text, size_t most) {
  if (text.count <= most) return text.count;
  while (most && (text.bytes[most] & 0xc0) == 0x80) most--;
  return most;
}

/// What a hexadecimal digit stands for; -1: it is none.
static inline int sk_hex_value(uint8_t c) {
  return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

static inline sk_slice sk_literal(const char *text) { return (sk_slice){(const uint8_t *)text, strlen(text)}; }

static inline bool sk_is_ascii(sk_slice text) {
  size_t i = 0;
  for (; i + 8 <= text.count; i += 8) {
    uint64_t word;
    memcpy(&word, text.bytes + i, 8);
    if (word & 0x8080808080808080u) return false;
  }
  for (; i < text.count; i++)
    if (text.bytes[i] & 0x80) return false;
  return true;
}

// source.c
/// A leading `import name from 'module'` becomes `var name=require('module')` in its place, so that lines stay the
/// same. Returns a copy of the source, zero terminated; NULL: no memory. Plain scripts are copied unchanged.
char *sk_without_imports(sk_slice source, size_t *count);

// mentioned.c
/// Makes modules and built-in functions that the source names while they still become part of the snapshot: otherwise
/// each run would make them anew. False: no memory.
bool sk_make_mentioned(sk_isolate *isolate, sk_slice source);

// event.c
/// Builds one event object whose properties are lazy. JS_EXCEPTION: no memory.
JSValue sk_event_skeleton(sk_isolate *isolate, sk_event_type type);
/// A set's object with one lazy property per visible name; parses the set on first use.
JSValue sk_set_object(sk_isolate *isolate, sk_set_id id);
/// `request.rawQueryString()`.
JSValue sk_raw_query_string(JSContext *context, JSValueConst this_value, int count, JSValueConst *arguments);

// document.c
/// Reads `event->document` and makes it the handler's argument.
void sk_read_document(sk_isolate *isolate);
/// Writes what the handler returned into `result.output`.
void sk_write_output(sk_isolate *isolate);

/// Whether URI and query, with the `?` between them, are too long (spec section 6: fewer than 8,192 bytes).
static inline bool sk_is_long_url(const sk_result *result) {
  return result->uri.count + (result->has_query ? result->query.count + 1 : 0) >= 8192;
}

// names.c
bool sk_header_is_disallowed(sk_slice lower_case_name);
bool sk_header_is_read_only(sk_slice lower_case_name, sk_event_type type);
/// Framing that the proxy sets itself on responses: edits of it are dropped.
bool sk_header_is_framing(sk_slice lower_case_name);
bool sk_is_token(sk_slice bytes);
bool sk_has_capitals(sk_slice bytes);

// result.c
/// Checks and reads back what the handler returned (or its promise gave) into `isolate->result`.
void sk_read_result(sk_isolate *isolate, JSValue returned);
/// Fills the result from the pending exception.
void sk_fail_with_exception(sk_isolate *isolate, sk_outcome outcome);
/// Sets the result to an error whose text is the parts joined; the last part is NULL.
void sk_fail(sk_isolate *isolate, sk_outcome outcome, sk_failure failure, ...) __attribute__((sentinel));

// host*.c
/// Puts console, require and the modules' lazy globals in place, and takes away what functions may not have.
bool sk_install_globals(sk_isolate *isolate);
/// Makes a module's object (once; before the snapshot when the source names it). The engine may be filling a lazy
/// property with it, so the makers (`sk_make_…`) run no user code: they read nothing that a function can redefine.
JSValue sk_module_object(sk_isolate *isolate, sk_module module);
JSValue sk_make_crypto(sk_isolate *isolate);
/// Calls every function of libcrypto that a run may call once, so that none is left for the dynamic linker.
void sk_crypto_bind(void);
JSValue sk_make_querystring(sk_isolate *isolate);
JSValue sk_make_buffer(sk_isolate *isolate);
/// Buffer's methods for numbers.
bool sk_add_buffer_numbers(JSContext *context, JSValueConst prototype);
JSValue sk_make_text_encoder(sk_isolate *isolate);
JSValue sk_make_text_decoder(sk_isolate *isolate);
/// The module `cloudfront` of runtime 2.0.
JSValue sk_make_cloudfront(sk_isolate *isolate);
/// updateRequestOrigin and its kin.
bool sk_add_origin_helpers(JSContext *context, JSValueConst module);
/// Puts what the helpers chose into the result, for the request that the handler returned. False: it may not be; the
/// result says why.
bool sk_check_origin(sk_isolate *isolate, JSValueConst request);
/// Adds String.bytesFrom and its kin, which only runtime 1.0 has.
bool sk_add_byte_strings(sk_isolate *isolate);
/// A new Buffer with a copy of `bytes`.
JSValue sk_new_buffer(sk_isolate *isolate, sk_slice bytes);
typedef enum { ENCODING_UTF8, ENCODING_HEX, ENCODING_BASE64, ENCODING_BASE64URL, ENCODING_LATIN1, ENCODING_UNKNOWN } sk_encoding;
sk_encoding sk_encoding_named(JSContext *context, JSValueConst name);
JSValue sk_encode(JSContext *context, sk_slice bytes, sk_encoding encoding);
/// Decodes leniently, as Buffer does: stops at the first character that does not belong. `out` has room for `text.count`.
size_t sk_decode(sk_slice text, sk_encoding encoding, uint8_t *out);
/// Decodes base64 strictly; false when it is not valid.
bool sk_decode_base64_strict(sk_slice text, uint8_t *out, size_t *count);
/// Bytes of a string (as UTF-8), Buffer, typed array, DataView or ArrayBuffer. Runs no user code, so that bytes may be
/// held while those of something else are asked for; whatever runs user code comes before. False: none of these, or
/// detached; exception pending.
bool sk_bytes_of(JSContext *context, JSValueConst value, sk_slice *bytes);
/// The same of a typed array, as Buffers are, only. `writing`: an immutable one is refused.
bool sk_bytes_of_array(JSContext *context, JSValueConst value, bool writing, uint8_t **bytes, size_t *count);
