// The rewrite engine's C side as Swift sees it: an isolate is one function's QuickJS runtime in an arena of fixed
// size, which is put back to its snapshot after every run (design/rewrite-engine.md). Everything here belongs to one
// thread: a `sk_thread` and the isolates made with it may only be used on the thread that made them.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "CKeyValueStore.h"

/// One field line: a header, in the order received.
typedef struct { sk_slice name, value; } sk_field;

/// What a viewer-request function chose with one of the helpers of the module `cloudfront`
/// (spec/cloudfront-functions.md 10.2). Everything in it has been checked but for what only the caller knows.
typedef enum { SK_ORIGIN_UPDATE, SK_ORIGIN_SELECT, SK_ORIGIN_GROUP } sk_origin_kind;
typedef enum { SK_FAMILY_ASSIGNED, SK_FAMILY_IPV4, SK_FAMILY_IPV6, SK_FAMILY_DUAL_STACK } sk_origin_family;

/// `updateRequestOrigin`: what differs from the assigned origin. Not given: texts whose `bytes` is NULL, numbers that
/// are 0.
typedef struct {
  sk_slice domain_name, host_header, origin_path, sni;
  const sk_slice *certificate_names;
  size_t certificate_name_count;
  bool has_custom_headers;          ///< these replace the assigned origin's, also when there are none
  const sk_field *custom_headers;   ///< names are in lower case
  size_t custom_header_count;
  uint32_t connection_attempts;
  uint32_t connection_timeout, read_timeout, response_completion_timeout, keep_alive_timeout;  ///< seconds
  uint16_t port;                    ///< given together with is_https and tls_versions
  bool is_https;
  uint8_t tls_versions;             ///< bits: SSLv3, TLSv1, TLSv1.1, TLSv1.2
  sk_origin_family family;
} sk_origin_update;

/// An origin of the distribution by its id; the texts may be absent (`bytes` is NULL).
typedef struct {
  sk_slice id, host_header, sni;
  const sk_slice *certificate_names;
  size_t certificate_name_count;
} sk_origin_selection;

typedef struct {
  sk_origin_kind kind;
  sk_origin_update update;          ///< SK_ORIGIN_UPDATE
  sk_origin_selection members[2];   ///< SK_ORIGIN_SELECT: the first; SK_ORIGIN_GROUP: primary and secondary
  uint16_t status_codes[9];         ///< SK_ORIGIN_GROUP: what makes the primary fail over
  uint32_t status_code_count;
} sk_origin_choice;

typedef enum { SK_VIEWER_REQUEST = 0, SK_VIEWER_RESPONSE = 1 } sk_event_type;

typedef enum { SK_RUNTIME_1_0 = 10, SK_RUNTIME_2_0 = 20 } sk_runtime;

/// What one run is given. Everything is borrowed and must stay unchanged from `sk_isolate_run` to
/// `sk_isolate_finish`: functions read it on demand, and unchanged parts of the result point into it.
typedef struct {
  sk_event_type type;
  bool has_query;               ///< false: the target had no `?`
  uint16_t status;              ///< viewer-response only
  sk_slice method, uri, query;  ///< query without `?`
  sk_slice viewer_ip;
  sk_slice distribution_domain, distribution_id, request_id;  ///< absent when `bytes` is NULL
  sk_slice status_description;
  const sk_field *request_headers;
  size_t request_header_count;
  const sk_field *response_headers;
  size_t response_header_count;
  sk_slice edge_name, edge_server_ip, edge_region;  ///< `cf.edgeLocation`; absent when `bytes` is NULL
  const sk_store *store;  ///< what `cf.kvs()` reads in this run; NULL: the function has none
  sk_slice document;            ///< the event as JSON for the function to see as it is, a zero byte behind it; absent: made of the above
} sk_event;

typedef enum { SK_REQUEST, SK_RESPONSE, SK_EXECUTION_ERROR, SK_VALIDATION_ERROR } sk_outcome;

/// Why a run (or a build) failed; `SK_FAILURE_NONE` when it did not.
typedef enum {
  SK_FAILURE_NONE,
  SK_FAILURE_EXCEPTION,    ///< an exception left the handler, or its promise was rejected
  SK_FAILURE_CPU_LIMIT,
  SK_FAILURE_MEMORY_LIMIT,
  SK_FAILURE_PENDING,      ///< the promise can never settle, or too many jobs ran
  SK_FAILURE_INVALID,      ///< the returned value is not allowed (SK_VALIDATION_ERROR)
  SK_FAILURE_WRONG_THREAD,
} sk_failure;

/// "Replace all lines of this name by these values"; no values: delete. Names are lower case.
typedef struct { sk_slice name; const sk_slice *values; size_t count; } sk_edit;

enum { SK_ERROR_TEXT_MAX = 1024, SK_LOG_MAX = 10240, SK_LOG_LINES_MAX = 512 };  // bytes, bytes, lines
enum { SK_LOG_DATA_MAX = 800 };  // bytes after URL-encoding, and so of the text itself

/// What one run gave. Slices point into the arena or the event, if not said otherwise: valid until `sk_isolate_finish`.
typedef struct {
  sk_outcome outcome;
  sk_failure failure;
  bool uri_changed, query_changed, has_query;  ///< request outcome; `has_query` false: no `?` any more
  bool status_changed, has_status_description, has_body;  ///< response outcome
  uint16_t status;
  sk_slice uri, query, status_description, body;
  sk_slice output;                ///< of a run with `document`: what the handler returned, as JSON
  const sk_edit *edits;
  size_t edit_count;
  const sk_origin_choice *origin;  ///< request outcome; NULL: the assigned origin
  uint32_t error_line, error_column;  ///< 1-based, 0: unknown
  uint64_t cpu_nanoseconds;       ///< of the thread; without
  uint64_t stolen_nanoseconds;    ///< what it was charged while the machine stood still (limit.c)
  uint64_t fuel;                  ///< the engine's steps: the same on every machine
  size_t memory_bytes;            ///< the most this run had above its snapshot
  uint32_t store_reads, store_read_errors;  ///< calls that read the key-value store, and those of them that failed
  bool recalled;                  ///< there was no run: an earlier one read the same; costs, fuel and memory are that one's
  bool forgot;                    ///< all results kept so far made room (`recall_limit`)
  sk_slice error;                 ///< valid until the next run or build on this thread
} sk_result;

typedef struct sk_thread sk_thread;
typedef struct sk_isolate sk_isolate;

typedef struct {
  sk_runtime runtime;
  size_t memory_limit;        ///< bytes a run may have above the snapshot, a multiple of 4096
  size_t base_limit;          ///< bytes engine and top-level code may have below it
  uint64_t cpu_limit;         ///< nanoseconds of thread CPU time per run
  uint64_t load_cpu_limit;    ///< the same for building
  size_t recall_limit;        ///< bytes of host memory for results that need no second run; 0: none are kept
  size_t stack_limit;         ///< bytes of C stack; the thread needs about twice as much
  const sk_store *store;      ///< what top-level code sees of `cf.kvs()`, while it is built; NULL: none
} sk_limits;

/// The calling thread's kill timer, whose signal is unblocked for it (POSIX timer with SIGEV_THREAD_ID and the signal `sk_kill_signal()`); NULL when
/// the system has none left.
sk_thread *sk_thread_create(void);
/// Must be called on the thread that made it, after its last isolate is gone.
void sk_thread_destroy(sk_thread *thread);
/// The realtime signal the kill timers use: SIGRTMIN + 4.
int sk_kill_signal(void);

/// Builds an isolate: compiles and runs `source`, resolves `handler`, takes the snapshot. NULL on failure with the
/// reason in `result` (failure, error text, line, column; cpu). `now_milliseconds`, since 1970, is what top-level code
/// takes for the time, in this and every run.
sk_isolate *sk_isolate_create(
    sk_thread *thread, const sk_limits *limits, sk_slice source, int64_t now_milliseconds, sk_result *result);
void sk_isolate_destroy(sk_isolate *isolate);

/// Runs the handler once. The result is valid until `sk_isolate_finish`, which must follow.
const sk_result *sk_isolate_run(sk_isolate *isolate, const sk_event *event, int64_t now_milliseconds);
/// Puts the heap back, byte for byte, and clears what lies above it.
void sk_isolate_finish(sk_isolate *isolate);

/// console.log lines of the last run: count, and line `index`. They outlive `finish`, until the next run.
size_t sk_isolate_log_count(const sk_isolate *isolate);
sk_slice sk_isolate_log_line(const sk_isolate *isolate, size_t index);

/// What the last run gave to `cf.logCustomData`, empty for nothing; outlives `finish` like the lines.
sk_slice sk_isolate_log_data(const sk_isolate *isolate);

/// Bytes of the snapshot, and how many of them runs have written to, which every restore copies. For tests: where the
/// heap begins (a guard page before it, and one `memory_limit` behind the snapshot), and whether it equals its snapshot
/// with zeros above it.
size_t sk_isolate_hot_bytes(const sk_isolate *isolate);
const void *sk_isolate_heap(const sk_isolate *isolate);
size_t sk_isolate_base_bytes(const sk_isolate *isolate);
bool sk_isolate_is_pristine(const sk_isolate *isolate);
