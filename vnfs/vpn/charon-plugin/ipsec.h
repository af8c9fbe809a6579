/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef MILLRACE_IPSEC_H
#define MILLRACE_IPSEC_H

#include "vnfs/vpn/charon-plugin/connection.h"
#include "vnfs/vpn/charon-plugin/held.h"

struct kernel_ipsec_t;

/* What charon asks of a kernel, asked of the gateway. Begins with strongSwan's interface, the two share an
 * address. */
struct millrace_ipsec;

/* A constructor as strongSwan wants it. NULL: the reason is in the log. */
struct kernel_ipsec_t* millrace_ipsec_create(void);

/* The handlers of the connection; `data` is a millrace_teller. */
struct millrace_teller {
  struct millrace_held held;
  struct mutex_t* order; /* of one request after another, and of what is held */
  struct millrace_connection* connection;
};

/* Tells everything, for the gateway to forget the rest. */
bool millrace_resync(void* data, struct millrace_connection* connection);
/* Hands an event to charon's workers. */
void millrace_event(void* data, unsigned type, const void* body, size_t bytes);

#endif
