// See engine_quickjs.c.
#if !__has_include("quickjs/quickjs.h")
#error "QuickJS-ng is not here yet: run `make deps` (Sources/CQuickJS/fetch.sh)"
#endif
#pragma GCC diagnostic ignored "-Wall"
#pragma GCC diagnostic ignored "-Wextra"
#ifdef __clang__
#pragma clang diagnostic ignored "-Weverything"
#endif
#include "engine_options.h"
#include "quickjs/libunicode.c"
