// See FuzzEngine.h. What the engine is given lies in blocks of exactly its size, so that AddressSanitizer sees a byte too many.
#include "FuzzEngine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "CQuickJS.h"

enum {
  FIELDS_MAX = 200,
  PROGRAM_MAX = 3500,  // bytes of a program: twice as many digits must be a query
  SOURCE_MAX = 20000,
};

/// The functions that inputs may choose by number come first.
static const char *const function_names[] = {
    "touch-all", "write-back", "edit", "answer", "answer-1.0", "calls", "shapes", "calls",
};
enum { CHOSEN = 5, CALLS = 5, SHAPES = 6, CALLS_1_0 = 7, FUNCTIONS = 8 };

static sk_thread *thread;
static sk_store *store;
static sk_isolate *isolates[FUNCTIONS];
static char broken[256];

// Far from what a run needs: AddressSanitizer is slow, and the arena gives nothing twice under it.
static const sk_limits limits = {
    .runtime = SK_RUNTIME_2_0, .memory_limit = 4 << 20, .base_limit = 2 << 20, .cpu_limit = 200 * 1000 * 1000,
    .load_cpu_limit = 400 * 1000 * 1000, .recall_limit = 1 << 16,
    .stack_limit = 512 << 10,
};

// --- Building

static sk_slice read_file(const char *folder, const char *name) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s.js", folder, name);
  FILE *file = fopen(path, "rb");
  if (!file) return (sk_slice){NULL, 0};
  uint8_t *bytes = malloc(SOURCE_MAX);
  size_t count = fread(bytes, 1, SOURCE_MAX, file);
  fclose(file);
  return (sk_slice){bytes, count};
}

static sk_slice text_of(const char *text) { return (sk_slice){(const uint8_t *)text, strlen(text)}; }

/// A key-value store whose keys are among the values of calls.js.
static sk_store *new_store(void) {
  sk_store_labels labels = {
      text_of("6d1d5a0e-1c3f-4b0e-9f4e-0a1b2c3d4e5f"), text_of("a"), text_of("2026-01-01T00:00:00Z"), text_of("2026-01-02T00:00:00Z")};
  sk_store *made = sk_store_create(&labels, (const uint64_t[]){1, 2});
  static const char *const entries[][2] = {{"a", "b"}, {"", "empty"}, {"utf8", "{\"a\":[1,2,{\"b\":null}]}"}, {"hex", "\xc3\xa9"}, {"=", "\xff\xfe"}, {"zz", ""}};
  for (size_t i = 0; made && i < sizeof entries / sizeof entries[0]; i++) sk_store_add(made, text_of(entries[i][0]), text_of(entries[i][1]));
  if (made) sk_store_finish(made);
  return made;
}

const char *fuzz_engine_open(const char *folder) {
  if (thread) return NULL;
  if (!(thread = sk_thread_create()) || !(store = new_store())) return "no timer or memory";
  for (int i = 0; i < FUNCTIONS; i++) {
    sk_limits own = limits;
    own.store = store;
    if (i == 4 || i == CALLS_1_0) own.runtime = SK_RUNTIME_1_0;
    sk_slice source = read_file(folder, function_names[i]);
    sk_result result = {.error = {(const uint8_t *)"no such file", 12}};
    isolates[i] = source.bytes ? sk_isolate_create(thread, &own, source, 1700000000000, &result) : NULL;
    free((void *)source.bytes);
    if (isolates[i]) continue;
    snprintf(broken, sizeof broken, "%s/%s.js: %.*s", folder, function_names[i], (int)result.error.count, result.error.bytes);
    fuzz_engine_close();
    return broken;
  }
  return NULL;
}

void fuzz_engine_close(void) {
  for (int i = 0; i < FUNCTIONS; i++) {
    if (isolates[i]) sk_isolate_destroy(isolates[i]);
    isolates[i] = NULL;
  }
  if (thread) sk_thread_destroy(thread);
  if (store) sk_store_destroy(store);
  thread = NULL;
  store = NULL;
}

// --- What must hold

static const char *fail(const char *what) {
  snprintf(broken, sizeof broken, "%s", what);
  return broken;
}

static bool has_byte(sk_slice text, const char *bytes, size_t count) {
  for (size_t i = 0; i < text.count; i++)
    if (memchr(bytes, text.bytes[i], count)) return true;
  return false;
}

/// RFC 3629, without a line of the engine's own checks.
static bool is_utf8(sk_slice text) {
  static const struct { uint8_t first, last, low, high; int more; } rows[] = {
      {0x00, 0x7f, 0, 0, 0}, {0xc2, 0xdf, 0x80, 0xbf, 1}, {0xe0, 0xe0, 0xa0, 0xbf, 2}, {0xe1, 0xec, 0x80, 0xbf, 2}, {0xed, 0xed, 0x80, 0x9f, 2},
      {0xee, 0xef, 0x80, 0xbf, 2}, {0xf0, 0xf0, 0x90, 0xbf, 3}, {0xf1, 0xf3, 0x80, 0xbf, 3}, {0xf4, 0xf4, 0x80, 0x8f, 3}};
  for (size_t i = 0; i < text.count;) {
    size_t row = 0, rest = text.count - i;
    while (row < sizeof rows / sizeof rows[0] && (text.bytes[i] < rows[row].first || text.bytes[i] > rows[row].last)) row++;
    if (row == sizeof rows / sizeof rows[0] || rest < (size_t)rows[row].more + 1) return false;
    for (int k = 1; k <= rows[row].more; k++) {
      uint8_t low = k == 1 ? rows[row].low : 0x80, high = k == 1 ? rows[row].high : 0xbf;
      if (text.bytes[i + k] < low || text.bytes[i + k] > high) return false;
    }
    i += rows[row].more + 1;
  }
  return true;
}

static uint64_t mixed(uint64_t sum, sk_slice text) {
  for (size_t i = 0; i < text.count; i++) sum = (sum ^ text.bytes[i]) * 0x100000001b3u;
  return (sum ^ text.count) * 0x100000001b3u;
}

static const char *look_at_names(const sk_slice *names, size_t count, uint64_t *sum) {
  for (size_t i = 0; i < count; i++) *sum = mixed(*sum, names[i]);
  return count > 100 ? fail("certificate names are bounded") : NULL;
}

/// The origin a function chose, whose texts go into a request.
static const char *look_at_origin(const sk_origin_choice *origin, uint64_t *sum) {
  const sk_origin_update *update = &origin->update;
  if (origin->kind == SK_ORIGIN_UPDATE) {
    sk_slice texts[] = {update->domain_name, update->host_header, update->origin_path, update->sni};
    for (int i = 0; i < 4; i++) {
      if (has_byte(texts[i], " \r\n\0", 4) || !is_utf8(texts[i])) return fail("an origin's texts are clean");
      *sum = mixed(*sum, texts[i]);
    }
    for (size_t i = 0; i < update->custom_header_count; i++) {
      const sk_field *field = &update->custom_headers[i];
      if (has_byte(field->name, " \r\n\0:", 5) || has_byte(field->value, "\r\n\0", 3) || !is_utf8(field->value))
        return fail("an origin's headers are clean");
      *sum = mixed(mixed(*sum, field->name), field->value);
    }
    return look_at_names(update->certificate_names, update->certificate_name_count, sum);
  }
  for (int i = 0; i < (origin->kind == SK_ORIGIN_GROUP ? 2 : 1); i++) {
    const sk_origin_selection *member = &origin->members[i];
    if (has_byte(member->host_header, " \r\n\0", 4)) return fail("an origin's texts are clean");
    *sum = mixed(mixed(mixed(*sum, member->id), member->host_header), member->sni);
    const char *problem = look_at_names(member->certificate_names, member->certificate_name_count, sum);
    if (problem) return problem;
  }
  if (origin->status_code_count > sizeof origin->status_codes / sizeof origin->status_codes[0]) return fail("failover codes are bounded");
  return NULL;
}

/// Whether what a function was given to write back piece by piece is UTF-8.
static bool gives_utf8(const sk_event *event) {
  if (!is_utf8(event->query)) return false;
  for (size_t i = 0; i < event->request_header_count; i++)
    if (!is_utf8(event->request_headers[i].value)) return false;
  for (size_t i = 0; i < event->response_header_count; i++)
    if (!is_utf8(event->response_headers[i].value)) return false;
  return true;
}

/// Reads every byte of a result, and refuses what must never reach the wire. `sum`: a digest of all of it.
static const char *look_at(const sk_result *result, const sk_isolate *isolate, const sk_event *event, uint64_t *sum) {
  bool failed = result->outcome == SK_EXECUTION_ERROR || result->outcome == SK_VALIDATION_ERROR;
  if (failed != (result->failure != SK_FAILURE_NONE)) return fail("a failed run says why, and no other does");
  if (failed && !result->error.count) return fail("a failed run has a text");
  if (result->error.count > SK_ERROR_TEXT_MAX) return fail("an error's text is bounded");
  *sum = mixed(*sum * 31 + result->outcome * 7 + result->failure, result->error);
  size_t lines = sk_isolate_log_count(isolate), logged = 0;
  for (size_t i = 0; i < lines; i++) {
    sk_slice line = sk_isolate_log_line(isolate, i);
    *sum = mixed(*sum, line);
    logged += line.count;
    if (!is_utf8(line)) return fail("a line of the log is UTF-8");
  }
  if (lines > SK_LOG_LINES_MAX || logged > SK_LOG_MAX) return fail("the log is bounded");
  sk_slice data = sk_isolate_log_data(isolate);
  if (data.count > SK_LOG_DATA_MAX) return fail("the log's datum is bounded");
  *sum = mixed(mixed(*sum, data), result->output);
  if (!is_utf8(data) || !is_utf8(result->output) || !is_utf8(result->error)) return fail("what is logged is UTF-8");
  if (failed) return NULL;
  bool pieces = gives_utf8(event);  // cookies and parameters that were not touched keep their bytes
  const char *problem = result->origin ? look_at_origin(result->origin, sum) : NULL;
  if (problem) return problem;
  if (result->uri_changed) {
    if (!result->uri.count || result->uri.bytes[0] != '/') return fail("a URI begins with /");
    if (has_byte(result->uri, " \r\n\t\0?#\x7f", 8)) return fail("a URI is clean");
    if (!is_utf8(result->uri)) return fail("a URI is UTF-8");
    *sum = mixed(*sum, result->uri);
  }
  if (result->query_changed && result->has_query) {
    if (has_byte(result->query, " \r\n\t\0#\x7f", 7)) return fail("a query is clean");
    if (pieces && !is_utf8(result->query)) return fail("a query is UTF-8");
    *sum = mixed(*sum, result->query);
  }
  if (result->status_changed && (result->status < 200 || result->status > 599)) return fail("a status is one of a final response");
  if (result->has_status_description) {
    if (has_byte(result->status_description, "\r\n\0", 3)) return fail("a reason is one line");
    if (!is_utf8(result->status_description)) return fail("a reason is UTF-8");
    *sum = mixed(*sum, result->status_description);
  }
  if (result->has_body) *sum = mixed(*sum, result->body);
  for (size_t i = 0; i < result->edit_count; i++) {
    const sk_edit *edit = &result->edits[i];
    *sum = mixed(*sum, edit->name);
    if (!edit->name.count) return fail("a header has a name");
    if (edit->count && has_byte(edit->name, " \r\n\t\0:\x7f\"(),/;<=>?@[\\]{}", 24)) return fail("a header's name is a token");
    for (size_t k = 0; k < edit->name.count; k++)
      if (edit->count && edit->name.bytes[k] >= 'A' && edit->name.bytes[k] <= 'Z') return fail("a header's name is in lower case");
    for (size_t k = 0; k < edit->count; k++) {
      *sum = mixed(*sum, edit->values[k]);
      if (has_byte(edit->values[k], "\r\n\0", 3)) return fail("a header's value is one line");
      if (pieces && !is_utf8(edit->values[k])) return fail("a header's value is UTF-8");
    }
  }
  return NULL;
}

/// Runs an event twice: nothing of the first run may be seen in the second. The third time the answer may be one that was kept.
static const char *run_thrice(sk_isolate *isolate, const sk_event *event) {
  uint64_t sums[3] = {0, 0, 0}, fuel[3];
  bool killed = false;
  for (int i = 0; i < 3; i++) {
    const sk_result *result = sk_isolate_run(isolate, event, 1700000000000);
    const char *problem = look_at(result, isolate, event, &sums[i]);
    killed |= result->failure == SK_FAILURE_CPU_LIMIT;
    fuel[i] = result->fuel;
    sk_isolate_finish(isolate);
    if (problem) return problem;
    if (!sk_isolate_is_pristine(isolate)) return fail("the heap is put back byte for byte");
  }
  if (!killed && (sums[0] != sums[1] || sums[0] != sums[2])) return fail("the same event has the same answer");
  if (!killed && (fuel[0] != fuel[1] || fuel[0] != fuel[2])) return fail("the same event takes the same steps");
  return NULL;
}

// --- From bytes to events

/// A copy in a block of its own, of its exact size.
static sk_slice copied(const uint8_t *bytes, size_t count) {
  uint8_t *copy = malloc(count ? count : 1);
  if (count) memcpy(copy, bytes, count);
  return (sk_slice){copy, count};
}

static sk_slice copied_text(const char *text) { return copied((const uint8_t *)text, strlen(text)); }

/// As `copied`, but a byte that the HTTP parser would have refused is another: `refused` besides control bytes.
static sk_slice copied_as_received(sk_slice text, const char *refused, bool tab) {
  sk_slice copy = copied(text.bytes, text.count);
  for (size_t i = 0; i < copy.count; i++) {
    uint8_t *byte = (uint8_t *)&copy.bytes[i];
    if ((*byte < 0x20 && !(tab && *byte == '\t')) || *byte == 0x7f || strchr(refused, *byte)) *byte = '_';
  }
  return copy;
}

/// What an event borrows.
typedef struct {
  sk_event event;
  sk_field fields[2][FIELDS_MAX];
} story;

static void drop_story(story *story) {
  const sk_event *event = &story->event;
  const sk_slice *texts[] = {&event->method, &event->uri, &event->query, &event->viewer_ip, &event->distribution_domain,
      &event->distribution_id, &event->request_id, &event->status_description, &event->edge_name, &event->edge_server_ip, &event->edge_region,
      &event->document};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) free((void *)texts[i]->bytes);
  for (int set = 0; set < 2; set++) {
    for (int i = 0; i < FIELDS_MAX; i++) {
      free((void *)story->fields[set][i].name.bytes);
      free((void *)story->fields[set][i].value.bytes);
    }
  }
  free(story);
}

static story *new_story(sk_event_type type) {
  story *story = calloc(1, sizeof *story);
  sk_event *event = &story->event;
  event->type = type;
  event->status = 404;
  event->distribution_domain = copied_text("d111.cloudfront.net");
  event->distribution_id = copied_text("E1");
  event->request_id = copied_text("id==");
  event->edge_name = copied_text("SKY");
  event->edge_server_ip = copied_text("192.0.2.1");
  event->edge_region = copied_text("local");
  event->store = store;
  event->status_description = copied_text("Not Found");
  event->request_headers = story->fields[0];
  event->response_headers = story->fields[1];
  return story;
}

/// The next line, without its end; `*bytes` moves behind it.
static sk_slice next_line(const uint8_t **bytes, const uint8_t *end) {
  const uint8_t *start = *bytes, *stop = memchr(start, '\n', (size_t)(end - start));
  *bytes = stop ? stop + 1 : end;
  return (sk_slice){start, (size_t)((stop ? stop : end) - start)};
}

static const char *run_event(const uint8_t *bytes, const uint8_t *end) {
  unsigned function = bytes < end ? (uint8_t)(*bytes++ - '0') % CHOSEN : 0;
  story *story = new_story(bytes < end && *bytes++ == 's' ? SK_VIEWER_RESPONSE : SK_VIEWER_REQUEST);
  sk_event *event = &story->event;
  sk_slice line = next_line(&bytes, end);
  static const char separators[] = " \"(),/:;<=>?@[\\]{}";
  event->method = copied_as_received(line, separators, false);
  line = next_line(&bytes, end);
  event->uri = copied_as_received(line, " ?#", false);
  line = next_line(&bytes, end);
  event->has_query = line.count && line.bytes[0] == '?';
  if (event->has_query) event->query = copied_as_received((sk_slice){line.bytes + 1, line.count - 1}, " #", false);
  line = next_line(&bytes, end);
  event->viewer_ip = copied(line.bytes, line.count);
  size_t *counts[] = {&event->request_header_count, &event->response_header_count};
  for (int set = 0; bytes < end;) {
    line = next_line(&bytes, end);
    if (!line.count && !set) {
      set = 1;
      continue;
    }
    if (*counts[set] == FIELDS_MAX) continue;
    const uint8_t *colon = line.count ? memchr(line.bytes, ':', line.count) : NULL;
    size_t name = colon ? (size_t)(colon - line.bytes) : line.count;
    if (!name) continue;
    sk_field *field = &story->fields[set][(*counts[set])++];
    field->name = copied_as_received((sk_slice){line.bytes, name}, separators, false);
    field->value = copied_as_received((sk_slice){line.bytes + name + !!colon, line.count - name - !!colon}, "", true);
  }
  const char *problem = run_thrice(isolates[function], event);
  drop_story(story);
  return problem;
}

/// An event whose query is a program in hexadecimal.
static const char *run_program(sk_isolate *isolate, sk_event_type type, const uint8_t *bytes, size_t count) {
  static const char digits[] = "0123456789abcdef";
  if (count > PROGRAM_MAX) count = PROGRAM_MAX;
  uint8_t *text = malloc(2 * count + 1);
  for (size_t i = 0; i < count; i++) {
    text[2 * i] = (uint8_t)digits[bytes[i] >> 4];
    text[2 * i + 1] = (uint8_t)digits[bytes[i] & 15];
  }
  story *story = new_story(type);
  sk_event *event = &story->event;
  event->has_query = true;
  event->query = copied(text, 2 * count);
  free(text);
  event->method = copied_text("GET");
  event->uri = copied_text("/a/b");
  event->viewer_ip = copied_text("2001:db8::1");
  static const char *const headers[2][4][2] = {
      {{"Host", "a.example"}, {"Cookie", "a=b; c=d; a=e"}, {"X-A", "1"}, {"x-a", "\xe9"}},
      {{"Content-Type", "text/html"}, {"Set-Cookie", "a=b; Path=/"}, {"Via", "1.1 x"}, {"Set-Cookie", "a=c"}},
  };
  for (int set = 0; set < 2; set++)
    for (int i = 0; i < 4; i++) story->fields[set][i] = (sk_field){copied_text(headers[set][i][0]), copied_text(headers[set][i][1])};
  event->request_header_count = event->response_header_count = 4;
  const char *problem = run_thrice(isolate, event);
  drop_story(story);
  return problem;
}

/// The event as a document: JSON that becomes the event as it is.
static const char *run_document(const uint8_t *bytes, const uint8_t *end) {
  unsigned function = bytes < end ? (uint8_t)(*bytes++ - '0') % CHOSEN : 0;
  story *story = new_story(bytes < end && *bytes++ == 's' ? SK_VIEWER_RESPONSE : SK_VIEWER_REQUEST);
  size_t count = (size_t)(end - bytes);
  uint8_t *text = malloc(count + 1);
  if (count) memcpy(text, bytes, count);
  text[count] = 0;
  story->event.document = (sk_slice){text, count};
  const char *problem = run_thrice(isolates[function], &story->event);
  drop_story(story);
  return problem;
}

static const char *run_source(const uint8_t *bytes, size_t count) {
  if (count > SOURCE_MAX) count = SOURCE_MAX;
  sk_slice source = copied(bytes, count);
  sk_limits own = limits;
  own.store = store;
  own.cpu_limit = own.load_cpu_limit = 50 * 1000 * 1000;
  sk_result result;
  sk_isolate *isolate = sk_isolate_create(thread, &own, source, 1700000000000, &result);
  free((void *)source.bytes);
  if (!isolate) {
    uint64_t sum = 0;
    for (size_t i = 0; i < result.error.count; i++) sum += result.error.bytes[i];
    return result.failure == SK_FAILURE_NONE || (sum == 0 && result.error.count) ? fail("a build that fails says why") : NULL;
  }
  sk_isolate *saved = isolates[0];
  isolates[0] = isolate;
  static const uint8_t event[] = "0qGET\n/a%20b\n?a=1&b&a=2\n192.0.2.7\nHost:a.example\nX-A:1\nx-a:2\nCookie:a=b; c=d\n\nVia:x\nSet-Cookie:e=f; Path=/";
  // Sources may ask for random numbers, whose answers differ: only the heap must be the same.
  const char *problem = run_event(event, event + sizeof event - 1);
  if (problem && strstr(problem, "the same event")) problem = NULL;
  isolates[0] = saved;
  sk_isolate_destroy(isolate);
  return problem;
}

const char *fuzz_engine_input(const uint8_t *bytes, size_t count) {
  if (!count) return NULL;
  switch (bytes[0]) {
    case 'e': return run_event(bytes + 1, bytes + count);
    case 'j': return run_document(bytes + 1, bytes + count);
    case 'h': return run_program(isolates[CALLS], SK_VIEWER_REQUEST, bytes + 1, count - 1);
    case 'b': return run_program(isolates[CALLS_1_0], SK_VIEWER_REQUEST, bytes + 1, count - 1);
    case 'r': {
      sk_event_type type = count > 1 && bytes[1] == 's' ? SK_VIEWER_RESPONSE : SK_VIEWER_REQUEST;
      return run_program(isolates[SHAPES], type, bytes + 1, count - 1);
    }
    default: return run_source(bytes, count);
  }
}
