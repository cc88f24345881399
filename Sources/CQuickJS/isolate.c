// An isolate's life: build, then run and put back, again and again (design/rewrite-engine.md, "Arena snapshot isolation").
// Between `sk_limit_begin` and `sk_limit_end` the run may be abandoned at any instruction; nothing in between may hold
// anything that a jump would lose, and no Swift frame is ever in between.
#include "recall.h"

#include <setjmp.h>
#include <stdlib.h>

enum {
  ENGINE_RESERVE = 512 * 1024,  // what the engine itself needs below a function's own top-level data
  PARSE_LIMIT = 8 * 1024 * 1024,  // what compiling may use, which goes away again
  JOBS_MAX = 10000,             // promise reactions in one run
  FUEL_BYTES_ALLOCATED = 1024,  // that count as a step: whatever the engine copies, it copies into fresh memory
};

static const char function_file[] = "function.js";  // as error positions name it; kept out of messages

// --- Leaving the engine

static void on_memory_exhausted(void *argument) { sk_limit_leave(((sk_isolate *)argument)->thread, SK_JUMP_MEMORY); }

static void fail_abandoned(sk_isolate *isolate, int reason) {
  if (reason == SK_JUMP_MEMORY)
    sk_fail(isolate, SK_EXECUTION_ERROR, SK_FAILURE_MEMORY_LIMIT, "MemoryError: the function used more memory than it may", (char *)NULL);
  else
    sk_fail(isolate, SK_EXECUTION_ERROR, SK_FAILURE_CPU_LIMIT, "the function used more CPU time than it may", (char *)NULL);
}

/// Counts steps for fuel; limits are enforced by the timer, never from here.
static int count_poll(JSRuntime *runtime, void *opaque) {
  (void)runtime;
  ((sk_isolate *)opaque)->polls++;
  return 0;
}

// --- Building

static bool make_atoms(sk_isolate *isolate) {
  static const char *const names[] = {"value", "multiValue", "attributes", "method", "uri", "querystring", "headers",
      "cookies", "statusCode", "statusDescription", "body", "encoding", "data", "stack"};
  _Static_assert(sizeof names / sizeof names[0] == sizeof(sk_atoms) / sizeof(JSAtom), "one name per atom");
  JSAtom *atoms = (JSAtom *)&isolate->atoms;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if ((atoms[i] = JS_NewAtom(isolate->context, names[i])) == JS_ATOM_NULL) return false;
  // Header names that most requests and responses have: a run finds them instead of making them.
  static const char *const common[] = {"host", "user-agent", "accept", "accept-encoding", "accept-language", "referer",
      "authorization", "origin", "cache-control", "content-type", "content-length", "content-encoding", "if-none-match",
      "if-modified-since", "range", "pragma", "priority", "upgrade-insecure-requests", "sec-fetch-dest", "sec-fetch-mode",
      "sec-fetch-site", "sec-fetch-user", "sec-ch-ua", "sec-ch-ua-mobile", "sec-ch-ua-platform", "x-forwarded-for",
      "location", "etag", "last-modified", "expires", "vary", "date", "server", "age", "via", "accept-ranges"};
  for (size_t i = 0; i < sizeof common / sizeof common[0]; i++)
    if (JS_NewAtom(isolate->context, common[i]) == JS_ATOM_NULL) return false;
  return true;
}

static bool start_engine(sk_isolate *isolate) {
  static const JSMallocFunctions functions = {
      sk_arena_calloc, sk_arena_malloc, sk_arena_free, sk_arena_realloc, sk_arena_usable_size};
  JSRuntime *runtime = isolate->runtime = JS_NewRuntime2(&functions, sk_arena_opaque(isolate->arena));
  if (!runtime) return false;
  JS_SetRuntimeOpaque(runtime, isolate);
  JS_SetGCThreshold(runtime, SIZE_MAX);  // a run is undone before a collection would pay
  JS_SetMaxStackSize(runtime, isolate->limits.stack_limit);
  JS_SetInterruptHandler(runtime, count_poll, isolate);
  JSContext *context = isolate->context = JS_NewContextRaw(runtime);
  if (!context) return false;
  JS_SetRandomState(context, sk_limit_random(isolate->thread));
  return !JS_AddIntrinsicBaseObjects(context) && !JS_AddIntrinsicDate(context) && !JS_AddIntrinsicEval(context) &&
      !JS_AddIntrinsicRegExp(context) && !JS_AddIntrinsicJSON(context) && !JS_AddIntrinsicProxy(context) &&
      !JS_AddIntrinsicMapSet(context) && !JS_AddIntrinsicTypedArrays(context) && !JS_AddIntrinsicPromise(context) &&
      !JS_AddIntrinsicAToB(context);
}

static bool drain_jobs(sk_isolate *isolate) {
  JSContext *context;
  for (int jobs = 0; jobs < JOBS_MAX; jobs++) {
    int more = JS_ExecutePendingJob(isolate->runtime, &context);
    if (more == 0) return true;
    if (more < 0) JS_FreeValue(context, JS_GetException(context));  // an unhandled rejection shows in its promise
  }
  return false;
}

/// Compiles in an engine of its own, which goes away again: what parsing leaves behind, and the source text, would
/// otherwise be copied back after every run. The bytecode lies in that engine's arena; absent: an exception is pending.
static sk_slice compiled(sk_isolate *isolate, const char *source, size_t count, const char *file) {
  JSContext *context = isolate->context;
  sk_slice bytecode = {NULL, 0};
  JSValue script = JS_Eval(context, source, count, file, JS_EVAL_TYPE_GLOBAL | JS_EVAL_FLAG_STRICT | JS_EVAL_FLAG_COMPILE_ONLY);
  if (!JS_IsException(script))
    bytecode.bytes = JS_WriteObject(context, &bytecode.count, script, JS_WRITE_OBJ_BYTECODE | JS_WRITE_OBJ_STRIP_SOURCE);
  return bytecode;
}

/// What a build takes from source text.
typedef struct { sk_slice script, find_handler; } sk_compiled;

static bool compile(sk_isolate *isolate, const char *source, size_t count, sk_compiled *code) {
  static const char find[] = "typeof handler==='function'?handler:undefined";
  if (!start_engine(isolate) || !make_atoms(isolate)) return fail_abandoned(isolate, SK_JUMP_MEMORY), false;
  code->script = compiled(isolate, source, count, function_file);
  if (code->script.bytes) code->find_handler = compiled(isolate, find, sizeof find - 1, "<handler>");
  if (!code->find_handler.bytes) sk_fail_with_exception(isolate, SK_EXECUTION_ERROR);
  return code->find_handler.bytes != NULL;
}

static JSValue evaluated(JSContext *context, sk_slice bytecode) {
  JSValue script = JS_ReadObject(context, bytecode.bytes, bytecode.count, JS_READ_OBJ_BYTECODE);
  return JS_IsException(script) ? script : JS_EvalFunction(context, script);
}

/// Runs top-level code and finds the handler. No code comes from text any more (eval, Function and their kin: spec 9.4).
static bool evaluate(sk_isolate *isolate, const sk_compiled *code) {
  JSContext *context = isolate->context;
  JS_DisableEval(context);
  JSValue done = evaluated(context, code->script);
  if (JS_IsException(done)) return false;
  JS_FreeValue(context, done);
  drain_jobs(isolate);
  isolate->handler = evaluated(context, code->find_handler);
  return !JS_IsException(isolate->handler);
}

/// The engine with all that the function will find there. What every run writes to comes last, in few pages: names, then
/// the function and the event. What nearly none does comes first. False: no memory.
static bool prepare(sk_isolate *isolate, sk_slice source) {
  if (!start_engine(isolate) || !sk_install_globals(isolate) || !sk_make_mentioned(isolate, source)) return false;
  sk_arena_forget_free(isolate->arena);
  return make_atoms(isolate);
}

/// Everything of a build that may run user code or be abandoned. `parsing` is an arena for compiling only.
static void build(sk_isolate *isolate, sk_arena *parsing, const char *source, size_t count) {
  sk_compiled code = {0};
  sk_arena *own = isolate->arena;
  isolate->arena = parsing;
  bool complete = compile(isolate, source, count, &code);
  isolate->arena = own;
  if (!complete) return;
  if (!prepare(isolate, (sk_slice){(const uint8_t *)source, count})) {
    fail_abandoned(isolate, SK_JUMP_MEMORY);
    return;
  }
  if (!evaluate(isolate, &code)) {
    sk_fail_with_exception(isolate, SK_EXECUTION_ERROR);
    return;
  }
  if (!JS_IsFunction(isolate->context, isolate->handler)) {
    sk_fail(isolate, SK_EXECUTION_ERROR, SK_FAILURE_EXCEPTION, "there is no top-level function named handler", (char *)NULL);
    return;
  }
  sk_arena_forget_free(own);
  for (int type = SK_VIEWER_REQUEST; type <= SK_VIEWER_RESPONSE; type++)
    isolate->events[type] = sk_event_skeleton(isolate, (sk_event_type)type);
  if (JS_IsException(isolate->events[0]) || JS_IsException(isolate->events[1])) fail_abandoned(isolate, SK_JUMP_MEMORY);
}

static void reset_result(sk_isolate *isolate) {
  isolate->result = (sk_result){0};
  isolate->edits = NULL;
  isolate->edit_capacity = isolate->edit_lines = isolate->edit_bytes = 0;
  isolate->polls = 0;
  isolate->reading = (sk_reading){0};
  isolate->origin = NULL;
  isolate->misuse = NULL;
  isolate->store_reads = isolate->store_read_errors = isolate->log_data_count = 0;
  memset(isolate->sets, 0, sizeof isolate->sets);
  isolate->modules = isolate->snapshot_modules;
}

/// The `sigsetjmp` of a build stands in a function of its own: nothing here changes after it.
static void build_limited(sk_isolate *isolate, sk_arena *parsing, const char *source, size_t count) {
  int reason = sigsetjmp(*sk_limit_jump(isolate->thread), 0);
  if (reason == 0) {
    sk_limit_begin(isolate->thread, isolate->limits.load_cpu_limit, &isolate->polls);
    build(isolate, parsing, source, count);
  } else {
    fail_abandoned(isolate, reason);
  }
  isolate->result.cpu_nanoseconds = sk_limit_end(isolate->thread);
}

sk_isolate *sk_isolate_create(
    sk_thread *thread, const sk_limits *limits, sk_slice source, int64_t now_milliseconds, sk_result *result) {
  *result = (sk_result){0};
  sk_isolate *isolate = calloc(1, sizeof *isolate);
  size_t count = 0;
  char *text = isolate ? sk_without_imports(source, &count) : NULL;
  if (text && sk_limit_is_own_thread(thread)) {
    sk_limit_freeze_clock(now_milliseconds);
    isolate->thread = thread;
    isolate->limits = *limits;
    isolate->store = limits->store;
    isolate->limits.store = NULL;  // the caller's only while this call lasts
    sk_arena *parsing = sk_arena_create(ENGINE_RESERVE + PARSE_LIMIT);
    sk_arena *own = isolate->arena = sk_arena_create(ENGINE_RESERVE + limits->base_limit + limits->memory_limit);
    if (parsing && own) {
      sk_arena_set_exhausted(parsing, on_memory_exhausted, isolate);
      sk_arena_set_exhausted(own, on_memory_exhausted, isolate);
      build_limited(isolate, parsing, text, count);
      isolate->arena = own;  // also when parsing was abandoned
      if (isolate->result.failure == SK_FAILURE_NONE) {
        isolate->snapshot_modules = isolate->modules;
        isolate->interrupt_counter = JS_GetInterruptCounter(isolate->context);
        isolate->recall = sk_recall_create(limits->recall_limit);
        if (!sk_arena_snapshot(isolate->arena, limits->memory_limit)) fail_abandoned(isolate, SK_JUMP_MEMORY);
      }
    } else {
      fail_abandoned(isolate, SK_JUMP_MEMORY);
    }
    if (parsing) sk_arena_destroy(parsing);
    isolate->store = NULL;
    *result = isolate->result;
  } else {
    result->outcome = SK_EXECUTION_ERROR;
    result->failure = text ? SK_FAILURE_WRONG_THREAD : SK_FAILURE_MEMORY_LIMIT;
  }
  free(text);
  if (result->failure == SK_FAILURE_NONE) return isolate;
  if (isolate) sk_isolate_destroy(isolate);
  return NULL;
}

void sk_isolate_destroy(sk_isolate *isolate) {
  sk_recall_destroy(isolate->recall);
  if (isolate->arena) sk_arena_destroy(isolate->arena);  // the runtime needs no other end: all of it lies there
  free(isolate);
}

// --- Running

/// The value a promise was settled with; sets the result to an error and gives JS_EXCEPTION otherwise.
static JSValue awaited(sk_isolate *isolate, JSValue promise) {
  JSContext *context = isolate->context;
  JS_PromiseMarkAsHandled(context, promise);
  bool drained = drain_jobs(isolate);
  switch (JS_PromiseState(context, promise)) {
    case JS_PROMISE_FULFILLED: return JS_PromiseResult(context, promise);
    case JS_PROMISE_REJECTED:
      JS_Throw(context, JS_PromiseResult(context, promise));
      sk_fail_with_exception(isolate, SK_EXECUTION_ERROR);
      return JS_EXCEPTION;
    default:
      sk_fail(isolate, SK_EXECUTION_ERROR, SK_FAILURE_PENDING,
          drained ? "the handler's promise can never settle" : "the handler's promise takes too many steps", (char *)NULL);
      return JS_EXCEPTION;
  }
}

static void invoke(sk_isolate *isolate) {
  JSContext *context = isolate->context;
  JS_UpdateStackTop(isolate->runtime);
  JS_SetRandomState(context, sk_limit_random(isolate->thread));
  isolate->random_state = JS_GetRandomState(context);
  JSValue returned = JS_Call(context, isolate->handler, JS_UNDEFINED, 1, &isolate->argument);
  if (JS_IsException(returned)) {
    sk_fail_with_exception(isolate, SK_EXECUTION_ERROR);
    return;
  }
  if (JS_IsPromise(returned) && JS_IsException(returned = awaited(isolate, returned))) return;
  isolate->returned = returned;
  sk_read_result(isolate, returned);
}

/// Takes one step into the engine, which may be abandoned at the limit; the nanoseconds of CPU time it took. The `sigsetjmp`
/// stands in a function of its own: nothing here changes after it.
static uint64_t limited(sk_isolate *isolate, uint64_t cpu_limit, void (*step)(sk_isolate *)) {
  int reason = sigsetjmp(*sk_limit_jump(isolate->thread), 0);
  if (reason == 0) {
    sk_limit_begin(isolate->thread, cpu_limit, &isolate->polls);
    step(isolate);
  } else {
    fail_abandoned(isolate, reason);
  }
  return sk_limit_end(isolate->thread);
}

const sk_result *sk_isolate_run(sk_isolate *isolate, const sk_event *event, int64_t now_milliseconds) {
  reset_result(isolate);
  isolate->event = event;
  isolate->store = event->store;
  isolate->log.count = isolate->log.used = 0;
  if (!sk_limit_is_own_thread(isolate->thread)) {
    sk_fail(isolate, SK_EXECUTION_ERROR, SK_FAILURE_WRONG_THREAD, "the isolate belongs to another thread", (char *)NULL);
    return &isolate->result;
  }
  if ((isolate->recalled = sk_recall_result(isolate))) return &isolate->result;
  sk_limit_freeze_clock(now_milliseconds);
  sk_arena_enter(isolate->arena);
  isolate->argument = isolate->events[event->type];
  sk_result *result = &isolate->result;
  bool has_document = event->document.bytes;  // reading it, and writing the output, is no work of the function's
  if (has_document) limited(isolate, isolate->limits.load_cpu_limit, sk_read_document);
  uint64_t cpu_nanoseconds = 0;
  if (result->failure == SK_FAILURE_NONE) cpu_nanoseconds = limited(isolate, isolate->limits.cpu_limit, invoke);
  uint64_t stolen_nanoseconds = sk_limit_stolen(isolate->thread);
  uint64_t fuel = isolate->polls * JS_INTERRUPT_COUNTER_INIT +
      (uint64_t)((int64_t)isolate->interrupt_counter - JS_GetInterruptCounter(isolate->context)) +
      sk_arena_allocated(isolate->arena) / FUEL_BYTES_ALLOCATED;
  if (has_document && result->failure == SK_FAILURE_NONE)
    limited(isolate, isolate->limits.load_cpu_limit, sk_write_output);
  sk_arena_leave();
  result->cpu_nanoseconds = cpu_nanoseconds;
  result->stolen_nanoseconds = stolen_nanoseconds;
  result->fuel = fuel;
  result->memory_bytes = sk_arena_high_water(isolate->arena);
  result->store_reads = isolate->store_reads;
  result->store_read_errors = isolate->store_read_errors;
  sk_recall_keep(isolate);
  return result;
}

void sk_isolate_finish(sk_isolate *isolate) {
  if (!isolate->recalled) sk_arena_restore(isolate->arena);
  isolate->event = NULL;
  isolate->store = NULL;
}

size_t sk_isolate_log_count(const sk_isolate *isolate) { return isolate->log.count; }

sk_slice sk_isolate_log_line(const sk_isolate *isolate, size_t index) {
  const sk_log *log = &isolate->log;
  if (index >= log->count) return (sk_slice){log->text, 0};
  uint32_t start = index ? log->ends[index - 1] : 0;
  return (sk_slice){log->text + start, log->ends[index] - start};
}

sk_slice sk_isolate_log_data(const sk_isolate *isolate) { return (sk_slice){isolate->log_data, isolate->log_data_count}; }

const void *sk_isolate_heap(const sk_isolate *isolate) { return sk_arena_start(isolate->arena); }
size_t sk_isolate_hot_bytes(const sk_isolate *isolate) { return sk_arena_hot_bytes(isolate->arena); }
size_t sk_isolate_base_bytes(const sk_isolate *isolate) { return sk_arena_base_bytes(isolate->arena); }
bool sk_isolate_is_pristine(const sk_isolate *isolate) { return sk_arena_is_pristine(isolate->arena); }
