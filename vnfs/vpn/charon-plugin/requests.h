/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What charon asks of a kernel as requests of the protocol. What the gateway cannot do is refused, with a
 * line in the log. */
#ifndef MILLRACE_REQUESTS_H
#define MILLRACE_REQUESTS_H

#include <stdbool.h>

#include "vnfs/vpn/charon-plugin/held.h"

struct kernel_ipsec_sa_id_t;
struct kernel_ipsec_add_sa_t;
struct kernel_ipsec_policy_id_t;
struct kernel_ipsec_manage_policy_t;

/* The request to add an association, held. NULL: it is not supported. */
struct millrace_association* millrace_hold_sa(struct millrace_held* held, struct kernel_ipsec_sa_id_t* id,
                                              struct kernel_ipsec_add_sa_t* data);

/* One policy of the gateway is what charon has as three: of packets that leave, come and pass. It is told as
 * the first; the others say nothing more. */
bool millrace_wire_policy(struct kernel_ipsec_policy_id_t* id, struct kernel_ipsec_manage_policy_t* data,
                          struct millrace_ike_policy* wire);

#endif
