/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The socket to the gateway: connects by itself and again when the gateway was away, and carries one request
 * after another. */
#ifndef MILLRACE_CONNECTION_H
#define MILLRACE_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>

#include "vnfs/vpn/ike_protocol.h"

struct millrace_connection;

struct millrace_answer {
  struct millrace_ike_answer body;
  char text[MILLRACE_IKE_MOST_TEXT + 1];
};

enum millrace_outcome {
  MILLRACE_ANSWERED,
  MILLRACE_AWAY, /* the gateway is not there: nothing was sent */
  MILLRACE_LOST  /* it went before it answered */
};

/* Both are called by the connection's own thread. */
struct millrace_listener {
  void* data;
  /* Hello was said: tells everything by millrace_connection_tell(). False when an outcome was not an answer.
   */
  bool (*resync)(void* data, struct millrace_connection* connection);
  /* Must not wait for an answer of the gateway. */
  void (*event)(void* data, unsigned type, const void* body, size_t bytes);
};

/* `path` is copied. `release`: strongSwan's, a constant. NULL: no thread is to be had. */
struct millrace_connection* millrace_connection_create(const char* path, const char* release,
                                                       struct millrace_listener listener);
void millrace_connection_destroy(struct millrace_connection* connection);

/* Waits for the gateway, but not longer than a moment since it went. */
void millrace_connection_await(struct millrace_connection* connection);

/* Sends a request, in which the header's serial number and length are filled in, and waits for its answer.
 * One caller at a time: whoever owns the connection has a lock. */
enum millrace_outcome millrace_connection_ask(struct millrace_connection* connection, void* request,
                                              size_t bytes, struct millrace_answer* answer);
/* The same, within resync(). */
enum millrace_outcome millrace_connection_tell(struct millrace_connection* connection, void* request,
                                               size_t bytes, struct millrace_answer* answer);

#endif
