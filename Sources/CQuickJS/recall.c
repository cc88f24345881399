// Owns the results of earlier runs. Every run begins with the same heap, so what it gives depends on what it reads of its event, and
// on nothing else but the time, chance and the request's id. Whoever hands out a part of the event notes it (`sk_note`); a later event
// that has the same in all noted parts gets the same result without a run. Nothing is taken on trust: the parts are kept with the
// result and compared byte by byte.
//
// Which parts those are differs with the event ("if the host is …, look at the cookies"), so a few such *readings* are tried, each
// with the key that it makes of the event. An event that matches a reading in all its parts takes the run the same way: by induction
// over the reads, whatever order they came in.
//
// Results are kept at second sight: most URLs are asked for once. A function whose events never come again is let alone for a while.
// This is host memory, written between runs only: nothing here may be abandoned.
#include "recall.h"

#include <stdlib.h>

enum {
  SLOTS = 256,               // results; a power of two
  READINGS = 4,              // ways through the function
  KEY_MAX = 4096,            // bytes of the parts that were read
  RESULT_MAX = 8192,         // bytes of a result with its key
  TRIES = 1024,              // after so many …
  HITS_MIN = TRIES / 16,     // … with fewer hits than this …
  REST = 16 * TRIES,         // … so many runs are neither looked up nor kept
};

/// What a key begins with: the reading itself, so that keys of different readings never match, and the parts that are numbers.
typedef struct {
  sk_reading reading;
  uint64_t store;
  uint32_t request_fields, response_fields;
  uint32_t type, has_query, status, zero;
} sk_key_head;

/// A result, copies of all it points to, and its key.
typedef struct {
  uint64_t hash;
  size_t bytes, key_count;
  const uint8_t *key;
  sk_result result;
  uint8_t data[];
} sk_kept;

struct sk_recall {
  size_t limit, used;
  uint32_t tries, hits, resting;
  uint32_t reading_count, next_reading;
  sk_reading readings[READINGS];
  sk_kept *slots[SLOTS];
  uint16_t sighted[SLOTS];  // of hashes seen once
  size_t key_count;
  uint8_t key[KEY_MAX];
};

sk_recall *sk_recall_create(size_t bytes) {
  sk_recall *recall = bytes ? calloc(1, sizeof *recall) : NULL;
  if (recall) recall->limit = bytes;
  return recall;
}

static void forget(sk_recall *recall, size_t slot) {
  if (!recall->slots[slot]) return;
  recall->used -= recall->slots[slot]->bytes;
  free(recall->slots[slot]);
  recall->slots[slot] = NULL;
}

static void forget_all(sk_recall *recall) {
  for (size_t i = 0; i < SLOTS; i++) forget(recall, i);
}

void sk_recall_destroy(sk_recall *recall) {
  if (recall) forget_all(recall);
  free(recall);
}

// --- Keys

/// A text with its length before it; absent differs from empty.
static bool add_text(sk_recall *recall, sk_slice text) {
  uint32_t count = text.bytes ? (uint32_t)text.count : 0, length = text.bytes ? count : UINT32_MAX;
  if (count + sizeof length > KEY_MAX - recall->key_count) return false;
  uint8_t *to = recall->key + recall->key_count;
  memcpy(to, &length, sizeof length);
  if (count) memcpy(to + sizeof length, text.bytes, count);
  recall->key_count += sizeof length + count;
  return true;
}

/// Names of header lines where they were shown, and the values that were looked at.
static bool add_fields(sk_recall *recall, const sk_field *fields, size_t count, bool names, uint64_t values) {
  for (size_t i = 0; names && i < count; i++)
    if (!add_text(recall, fields[i].name)) return false;
  for (; values; values &= values - 1) {
    size_t i = (size_t)__builtin_ctzll(values);
    if (i >= count || !add_text(recall, fields[i].value)) return false;
  }
  return true;
}

/// Writes the parts of `event` that `reading` covers to `recall->key`. False: too many bytes, or the event has fewer lines.
static bool make_key(sk_recall *recall, const sk_event *event, const sk_reading *reading) {
  uint64_t parts = reading->parts;
  bool requests = parts & READ_REQUEST_NAMES, responses = parts & READ_RESPONSE_NAMES;
  sk_key_head head = {.reading = *reading, .type = event->type};
  if (parts & READ_QUERY) head.has_query = event->has_query;
  if (parts & READ_STATUS) head.status = event->status;
  if (parts & READ_STORE && event->store) head.store = sk_store_serial(event->store);
  if (requests) head.request_fields = (uint32_t)event->request_header_count;
  if (responses) head.response_fields = (uint32_t)event->response_header_count;
  memcpy(recall->key, &head, sizeof head);
  recall->key_count = sizeof head;
  return (!(parts & READ_METHOD) || add_text(recall, event->method)) && (!(parts & READ_URI) || add_text(recall, event->uri)) &&
      (!(parts & READ_QUERY) || add_text(recall, event->query)) && (!(parts & READ_VIEWER) || add_text(recall, event->viewer_ip)) &&
      (!(parts & READ_DESCRIPTION) || add_text(recall, event->status_description)) &&
      add_fields(recall, event->request_headers, event->request_header_count, requests, reading->values[0]) &&
      add_fields(recall, event->response_headers, event->response_header_count, responses, reading->values[1]);
}

static uint64_t hash_of(const uint8_t *bytes, size_t count) {
  uint64_t hash = count;
  for (; count >= 8; bytes += 8, count -= 8) {
    uint64_t word;
    memcpy(&word, bytes, 8);
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    hash ^= hash >> 32;
  }
  uint64_t last = 0;
  memcpy(&last, bytes, count);
  hash = (hash ^ last) * 0x9e3779b97f4a7c15u;
  return hash ^ hash >> 32;
}

// --- Recalling

/// Whether it is worth the try: counts tries, and rests after many in vain.
static bool is_awake(sk_recall *recall) {
  if (recall->resting) return recall->resting--, false;
  if (recall->tries == TRIES) {
    if (recall->hits < HITS_MIN) recall->resting = REST;
    recall->tries = recall->hits = 0;
  }
  recall->tries++;
  return true;
}

/// What the function left as it came is this event's. False: with it, the URL would be too long.
static bool complete(sk_result *result, const sk_event *event) {
  if (result->outcome == SK_RESPONSE) {
    if (!result->status_changed) result->status = event->status;
    return true;
  }
  if (!result->uri_changed) result->uri = event->uri;
  if (!result->query_changed) {
    result->query = event->query;
    result->has_query = event->has_query;
  }
  return (!result->uri_changed && !result->query_changed) || !sk_is_long_url(result);
}

bool sk_recall_result(sk_isolate *isolate) {
  sk_recall *recall = isolate->recall;
  const sk_event *event = isolate->event;
  isolate->keeps = recall && !event->document.bytes && is_awake(recall);
  for (uint32_t i = 0; isolate->keeps && i < recall->reading_count; i++) {
    if (!make_key(recall, event, &recall->readings[i])) continue;
    uint64_t hash = hash_of(recall->key, recall->key_count);
    const sk_kept *kept = recall->slots[hash % SLOTS];
    if (!kept || kept->hash != hash || kept->key_count != recall->key_count || memcmp(kept->key, recall->key, kept->key_count)) continue;
    sk_result result = kept->result;
    if (!complete(&result, event)) continue;
    recall->hits++;
    isolate->result = result;
    return true;
  }
  return false;
}

// --- Keeping

/// Whether the run depended on nothing but what it read, and did nothing but give a result.
static bool is_repeatable(const sk_isolate *isolate) {
  return isolate->result.failure == SK_FAILURE_NONE && !(isolate->reading.parts & READ_ELSE) && !isolate->log.count && !isolate->log_data_count &&
      !isolate->origin && !sk_limit_clock_was_read() && JS_GetRandomState(isolate->context) == isolate->random_state;
}

/// What of the result is the function's own, not the event's.
static void drop_what_came(sk_result *result) {
  if (result->outcome == SK_RESPONSE || !result->uri_changed) result->uri = (sk_slice){NULL, 0};
  if (result->outcome == SK_RESPONSE || !result->query_changed) result->query = (sk_slice){NULL, 0};
  result->error = result->output = (sk_slice){NULL, 0};
}

static size_t bytes_of(const sk_result *result) {
  size_t bytes = result->uri.count + result->query.count + result->status_description.count + result->body.count;
  for (size_t i = 0; i < result->edit_count; i++) {
    const sk_edit *edit = &result->edits[i];
    bytes += sizeof *edit + edit->count * sizeof *edit->values + edit->name.count;
    for (size_t k = 0; k < edit->count; k++) bytes += edit->values[k].count;
  }
  return bytes;
}

/// Copies the text to `*to` and points there.
static void move_text(sk_slice *text, uint8_t **to) {
  if (!text->bytes) return;
  if (text->count) memcpy(*to, text->bytes, text->count);
  text->bytes = *to;
  *to += text->count;
}

/// Copies what `result` points to behind one another: tables first, which want their alignment.
static uint8_t *move_result(sk_result *result, uint8_t *to) {
  sk_edit *edits = (sk_edit *)to;
  sk_slice *values = (sk_slice *)(edits + result->edit_count);
  for (size_t i = 0; i < result->edit_count; i++) {
    edits[i] = result->edits[i];
    if (edits[i].count) memcpy(values, edits[i].values, edits[i].count * sizeof *values);
    edits[i].values = values;
    values += edits[i].count;
  }
  sk_slice *first = (sk_slice *)(edits + result->edit_count), *end = values;
  to = (uint8_t *)end;
  for (size_t i = 0; i < result->edit_count; i++) move_text(&edits[i].name, &to);
  for (sk_slice *value = first; value < end; value++) move_text(value, &to);
  result->edits = edits;
  move_text(&result->uri, &to);
  move_text(&result->query, &to);
  move_text(&result->status_description, &to);
  move_text(&result->body, &to);
  return to;
}

static void learn(sk_recall *recall, const sk_reading *reading) {
  for (uint32_t i = 0; i < recall->reading_count; i++)
    if (!memcmp(&recall->readings[i], reading, sizeof *reading)) return;
  recall->readings[recall->next_reading] = *reading;
  recall->next_reading = (recall->next_reading + 1) % READINGS;
  if (recall->reading_count < READINGS) recall->reading_count++;
}

void sk_recall_keep(sk_isolate *isolate) {
  sk_recall *recall = isolate->recall;
  if (!isolate->keeps || !is_repeatable(isolate) || !make_key(recall, isolate->event, &isolate->reading)) return;
  uint64_t hash = hash_of(recall->key, recall->key_count);
  size_t slot = hash % SLOTS;
  uint16_t sight = (uint16_t)(hash >> 48) | 1;
  if (recall->sighted[slot] != sight) {
    recall->sighted[slot] = sight;
    return;
  }
  sk_result result = isolate->result;
  drop_what_came(&result);
  size_t bytes = sizeof(sk_kept) + bytes_of(&result) + recall->key_count;
  if (bytes > RESULT_MAX || bytes > recall->limit) return;
  forget(recall, slot);
  if (recall->used + bytes > recall->limit) {
    forget_all(recall);
    isolate->result.forgot = true;
  }
  sk_kept *kept = malloc(bytes);
  if (!kept) return;
  result.recalled = true;
  uint8_t *key = move_result(&result, kept->data);
  memcpy(key, recall->key, recall->key_count);
  *kept = (sk_kept){.hash = hash, .bytes = bytes, .key_count = recall->key_count, .key = key, .result = result};
  recall->slots[slot] = kept;
  recall->used += bytes;
  learn(recall, &isolate->reading);
}
