// Reading the parameters of a helper function: typed members of objects, and what is said when one is wrong. Only
// host_origin.c uses this; everything is read once, in the caller's order, into the arena.
#pragma once
#include "internal.h"

/// An object whose members are parameters of one call.
typedef struct {
  sk_isolate *isolate;
  JSContext *context;
  const char *function;  // "updateRequestOrigin"
  const char *group;     // "timeouts.", or "" for the parameters themselves
  JSValue object;
} sk_parameters;

/// Notes what is wrong with `name` of `parameters`: the run will end as a validation error, whatever the function does
/// next, with the first of its wrong calls. Always false.
bool sk_wrong_parameter(const sk_parameters *parameters, const char *name, const char *why);

// Each of these reads the member `name`. When it is undefined the result stays as it is. False: it is wrong, which has
// been noted, or reading it threw and the exception is pending.

/// A string that holds to `rule`; `why` tells what it must be.
bool sk_read_text(const sk_parameters *parameters, const char *name, bool (*rule)(sk_slice), const char *why, sk_slice *text);
/// A whole number from `least` to `most`.
bool sk_read_number(const sk_parameters *parameters, const char *name, uint32_t least, uint32_t most, uint32_t *number);
/// `true` or `false`. `required`: it must be given.
bool sk_read_flag(const sk_parameters *parameters, const char *name, bool required, bool *flag);
/// One of `words`, as its index; they are separated by single spaces. `*index` -1 before: it must be given.
bool sk_read_word(const sk_parameters *parameters, const char *name, const char *words, int *index);
/// An array of `least` to `most` members; `*count` stays 0 when there is none.
bool sk_read_list(const sk_parameters *parameters, const char *name, uint32_t least, uint32_t most, JSValue *list, uint32_t *count);
/// The object `name` as the scope `group`; `*given` tells whether there is one.
bool sk_read_group(const sk_parameters *parameters, const char *name, const char *group, sk_parameters *members, bool *given);
