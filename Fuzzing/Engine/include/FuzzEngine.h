// The rewrite engine under fuzzing: bytes become an event, a program of host calls, a returned value or a source, the engine
// runs it, and what must hold for any of them is looked at. Used by libFuzzer (`make fuzz-engine`) and by FuzzTests.
// One thread: that which calls `fuzz_engine_open`.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Builds the functions of a folder. NULL, or why it could not.
const char *fuzz_engine_open(const char *folder);
/// Runs one input. NULL, or what did not hold; the text is valid until the next call.
///
/// The first byte says what the bytes are:
/// - `e` event: function `'0'…`, `q` or `s`, then lines: method, URI, query (`?…`, or none), viewer address, and header lines
///   `name:value`; an empty line begins the response's headers.
/// - `j` document: function, `q` or `s`, the event as JSON.
/// - `h` host calls: the rest is the program of Functions/calls.js. `b`: the same in runtime 1.0.
/// - `r` returned value: `q` or `s`, the rest is the program of Functions/shapes.js.
/// - anything else: JavaScript source, from the first byte on.
const char *fuzz_engine_input(const uint8_t *bytes, size_t count);
void fuzz_engine_close(void);
