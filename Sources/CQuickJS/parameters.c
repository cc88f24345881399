// Typed parameters: see parameters.h. Getters and proxies of the function's own may run in here, so nothing is read
// twice and nothing borrowed is kept that they could take away: strings are immutable, the arena frees nothing of ours.
#include "parameters.h"

#include <stdio.h>

enum { WHY_MAX = 256 };

bool sk_wrong_parameter(const sk_parameters *parameters, const char *name, const char *why) {
  sk_isolate *isolate = parameters->isolate;
  if (isolate->misuse) return false;
  char *text = js_malloc(parameters->context, WHY_MAX);
  if (!text) return false;
  snprintf(text, WHY_MAX, "%s: %s%s %s", parameters->function, parameters->group, name, why);
  isolate->misuse = text;
  return false;
}

/// The member and whether it is there.
static bool member(const sk_parameters *parameters, const char *name, JSValue *value, bool *given) {
  *value = JS_GetPropertyStr(parameters->context, parameters->object, name);
  *given = !JS_IsUndefined(*value);
  return !JS_IsException(*value);
}

bool sk_read_text(const sk_parameters *parameters, const char *name, bool (*rule)(sk_slice), const char *why, sk_slice *text) {
  JSValue value;
  bool given;
  if (!member(parameters, name, &value, &given)) return false;
  if (!given) return true;
  if (!JS_IsString(value)) return sk_wrong_parameter(parameters, name, "must be a string");
  if (!sk_bytes_of(parameters->context, value, text)) return false;
  return rule(*text) || sk_wrong_parameter(parameters, name, why);
}

bool sk_read_number(const sk_parameters *parameters, const char *name, uint32_t least, uint32_t most, uint32_t *number) {
  JSValue value;
  bool given;
  double given_number = 0;
  char why[64];
  if (!member(parameters, name, &value, &given)) return false;
  if (!given) return true;
  if (JS_IsNumber(value) && !JS_ToFloat64(parameters->context, &given_number, value) && given_number >= least &&
      given_number <= most && given_number == (double)(uint32_t)given_number) {
    *number = (uint32_t)given_number;
    return true;
  }
  snprintf(why, sizeof why, "must be a whole number from %u to %u", least, most);
  return sk_wrong_parameter(parameters, name, why);
}

bool sk_read_flag(const sk_parameters *parameters, const char *name, bool required, bool *flag) {
  JSValue value;
  bool given;
  if (!member(parameters, name, &value, &given)) return false;
  if (!given && !required) return true;
  if (!JS_IsBool(value)) return sk_wrong_parameter(parameters, name, "must be true or false");
  *flag = JS_ToBool(parameters->context, value);
  return true;
}

bool sk_read_word(const sk_parameters *parameters, const char *name, const char *words, int *index) {
  JSValue value;
  bool given;
  char why[160];
  if (!member(parameters, name, &value, &given)) return false;
  if (!given && *index != -1) return true;
  if (JS_IsString(value)) {
    sk_slice text;
    if (!sk_bytes_of(parameters->context, value, &text)) return false;
    const char *word = words;
    for (int i = 0; *word; i++) {
      size_t count = strcspn(word, " ");
      if (count == text.count && !memcmp(word, text.bytes, count)) return *index = i, true;
      word += count + (word[count] == ' ');
    }
  }
  snprintf(why, sizeof why, "must be one of: %s", words);
  return sk_wrong_parameter(parameters, name, why);
}

bool sk_read_list(const sk_parameters *parameters, const char *name, uint32_t least, uint32_t most, JSValue *list, uint32_t *count) {
  bool given;
  int64_t length;
  char why[64];
  if (!member(parameters, name, list, &given)) return false;
  if (!given) return true;
  if (!JS_IsArray(*list)) return sk_wrong_parameter(parameters, name, "must be an array");
  if (JS_GetLength(parameters->context, *list, &length)) return false;
  if (length >= least && length <= most) return *count = (uint32_t)length, true;
  snprintf(why, sizeof why, "must have %u to %u members", least, most);
  return sk_wrong_parameter(parameters, name, why);
}

bool sk_read_group(const sk_parameters *parameters, const char *name, const char *group, sk_parameters *members, bool *given) {
  *members = *parameters;
  members->group = group;
  if (!member(parameters, name, &members->object, given)) return false;
  if (!*given) return true;
  if (JS_IsObject(members->object) && !JS_IsArray(members->object)) return true;
  return sk_wrong_parameter(parameters, name, "must be an object");
}
