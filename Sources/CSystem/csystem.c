#include "CSystem.h"

#ifndef SKERRY_COMMIT
#define SKERRY_COMMIT ""
#endif
const char *skerry_commit(void) { return SKERRY_COMMIT; }
