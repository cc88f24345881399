// Results that a run need not be made for again (recall.c): between isolate.c and those who read the event.
#pragma once
#include "internal.h"

/// Room for results in `bytes` bytes of host memory; 0: nothing is kept. NULL: no memory, and nothing is kept either.
sk_recall *sk_recall_create(size_t bytes);
void sk_recall_destroy(sk_recall *recall);
/// Fills `isolate->result` with what an earlier run gave that read the same of `isolate->event`. False: there is none.
bool sk_recall_result(sk_isolate *isolate);
/// After a run: keeps its result if it can be given again.
void sk_recall_keep(sk_isolate *isolate);
