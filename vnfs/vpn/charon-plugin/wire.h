/* SPDX-License-Identifier: GPL-2.0-or-later */
/* strongSwan's values as the protocol has them. What the gateway cannot do is refused here, with a line in
 * the log that says what to choose instead. */
#ifndef MILLRACE_WIRE_H
#define MILLRACE_WIRE_H

#include <stdbool.h>
#include <stddef.h>

#include "vnfs/vpn/ike_protocol.h"

struct host_t;
struct traffic_selector_t;
struct linked_list_t;

struct millrace_ike_address millrace_wire_address(struct host_t* host);
/* NULL: the address has no family. */
struct host_t* millrace_host(const struct millrace_ike_address* address, uint16_t port);
bool millrace_same_address(const struct millrace_ike_address* a, const struct millrace_ike_address* b);

/* The pair of both as packets leave, and come back. */
bool millrace_wire_selector(struct traffic_selector_t* local, struct traffic_selector_t* remote,
                            struct millrace_ike_selector* selector);
/* All pairs of one family and protocol, at most `room`; -1: something is refused. */
int millrace_wire_selectors(struct linked_list_t* local, struct linked_list_t* remote,
                            struct millrace_ike_selector* selectors, size_t room);
/* Of one end of a packet: local or remote. */
struct traffic_selector_t* millrace_traffic_selector(const struct millrace_ike_selector* selector,
                                                     bool local);

bool millrace_wire_suite(uint16_t encryption, size_t encryption_key, uint16_t integrity, size_t integrity_key,
                         uint8_t* cipher, uint8_t* hash);

/* For policies without a priority of their own: the more they name, the sooner they are asked. `priority` is
 * a policy_priority_t. */
uint32_t millrace_priority(int priority, const struct millrace_ike_selector* selector);

#endif
