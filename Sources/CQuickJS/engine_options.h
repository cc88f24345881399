// How QuickJS-ng is built for arenas (Documentation: design/rewrite-engine.md, "Engine" and the soundness rules).
#pragma once
#define QJS_DIRECT_ALLOCATION 1   // every allocation comes straight from our arena: a smaller base to copy back
#define QJS_NO_ATOMICS 1          // rule 7: Atomics.wait/notify hold the engine's only mutable statics
#define QJS_LOCAL_TIME_IS_UTC 1   // rule 1: localtime_r takes a lock
#define JS_INTERRUPT_COUNTER_INIT 10000  // steps between two polls; also the unit fuel is counted in
