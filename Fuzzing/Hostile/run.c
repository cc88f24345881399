// Builds the function on standard input and runs it once: run MILLISECONDS request|response 1.0|2.0. Reads all of the result, so
// that the sanitizer sees what the proxy would see. Ends with 0 whatever the function does.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "CQuickJS.h"

#define TEXT(text) {(const uint8_t *)(text), sizeof(text) - 1}
enum { SOURCE_MAX = 1 << 20 };

static const sk_field request_headers[] = {
    {TEXT("Host"), TEXT("example.com")}, {TEXT("Accept"), TEXT("*/*")}, {TEXT("X-Many"), TEXT("1")}, {TEXT("X-Many"), TEXT("2")},
    {TEXT("Cookie"), TEXT("a=1; b=2")}, {TEXT("X-Latin"), TEXT("\xe9")}};
static const sk_field response_headers[] = {{TEXT("Content-Type"), TEXT("text/html")}, {TEXT("Set-Cookie"), TEXT("s=1; Path=/")}};

static unsigned sum;

static void read_slice(sk_slice slice) {
  for (size_t i = 0; i < slice.count; i++) sum += slice.bytes[i];
}

static void read_result(const sk_isolate *isolate, const sk_result *result) {
  const sk_slice texts[] = {result->uri, result->query, result->status_description, result->body, result->error, sk_isolate_log_data(isolate)};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) read_slice(texts[i]);
  for (size_t i = 0; i < result->edit_count; i++) {
    read_slice(result->edits[i].name);
    for (size_t k = 0; k < result->edits[i].count; k++) read_slice(result->edits[i].values[k]);
  }
  for (size_t i = 0; i < sk_isolate_log_count(isolate); i++) read_slice(sk_isolate_log_line(isolate, i));
}

static sk_store *store(void) {
  const sk_store_labels labels = {TEXT("a1b2c3d4-5678-90ab-cdef-1234567890ab"), TEXT("store"), TEXT("2026-01-01"), TEXT("2026-01-02")};
  sk_store *store = sk_store_create(&labels, (const uint64_t[2]){1, 2});
  if (store) sk_store_add(store, (sk_slice)TEXT("a"), (sk_slice)TEXT("{\"b\": [1, 2]}"));
  if (store) sk_store_finish(store);
  return store;
}

int main(int count, char **arguments) {
  if (count != 4) return fprintf(stderr, "run MILLISECONDS request|response 1.0|2.0 < function.js\n"), 2;
  uint8_t *source = malloc(SOURCE_MAX);
  size_t length = fread(source, 1, SOURCE_MAX, stdin);
  bool response = !strcmp(arguments[2], "response");
  sk_limits limits = {
      .runtime = strcmp(arguments[3], "1.0") ? SK_RUNTIME_2_0 : SK_RUNTIME_1_0, .memory_limit = 2 << 20, .base_limit = 2 << 20,
      .cpu_limit = strtoull(arguments[1], NULL, 10) * 1000000, .load_cpu_limit = 10000000000, .stack_limit = 256 << 10, .store = store()};
  sk_result result;
  sk_isolate *isolate = sk_isolate_create(sk_thread_create(), &limits, (sk_slice){source, length}, 1700000000000, &result);
  if (!isolate) return fprintf(stderr, "not built: %.*s\n", (int)result.error.count, (const char *)result.error.bytes), 1;
  sk_event event = {
      .type = response ? SK_VIEWER_RESPONSE : SK_VIEWER_REQUEST, .has_query = true, .status = 200, .method = TEXT("GET"), .uri = TEXT("/index.html"),
      .query = TEXT("a=1&b=2&a=3"), .viewer_ip = TEXT("192.0.2.7"), .distribution_domain = TEXT("d"), .distribution_id = TEXT("E"), .request_id = TEXT("rid"),
      .status_description = TEXT("OK"), .request_headers = request_headers, .request_header_count = 6, .response_headers = response_headers,
      .response_header_count = response ? 2 : 0, .edge_name = TEXT("SKR"), .edge_server_ip = TEXT("192.0.2.1"), .edge_region = TEXT("local"), .store = limits.store};
  const sk_result *run = sk_isolate_run(isolate, &event, 1700000000000);
  if (run->failure == SK_FAILURE_CPU_LIMIT) _exit(0);  // it may have been abandoned inside malloc
  read_result(isolate, run);
  _exit(0);
}
