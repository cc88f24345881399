// What the files of this module share.
#pragma once
#include <nghttp2/nghttp2.h>

#include "CNghttp2.h"

struct sk_h2_session {
  nghttp2_session *h2;
  void *owner;
  const sk_h2_events *events;
};
