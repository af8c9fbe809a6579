/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What charon has told, so that it can be told again. Not locked: whoever owns it has a lock. */
#ifndef MILLRACE_HELD_H
#define MILLRACE_HELD_H

#include <stdbool.h>
#include <stddef.h>

#include "vnfs/vpn/ike_protocol.h"

struct millrace_association {
  struct millrace_association* next; /* that came after it: an outbound one after its inbound one */
  bool told;                         /* the gateway may have had it; an outbound one's keys are wiped */
  size_t bytes;                      /* of the request */
  uint8_t* request; /* a header, a millrace_ike_association and what is behind it; may hold keys */
};

struct millrace_policy {
  struct millrace_policy* next; /* the one that came after it */
  struct millrace_ike_policy wire;
};

struct millrace_held {
  struct millrace_association* associations;
  struct millrace_policy* policies;
};

/* Without the header. */
struct millrace_ike_association* millrace_association_wire(struct millrace_association* association);
/* The bytes of the request are the caller's to fill; zeros. */
struct millrace_association* millrace_hold_association(struct millrace_held* held, size_t bytes);
/* The gateway has it, or may have: what is not needed to tell it again is wiped. */
void millrace_association_told(struct millrace_association* association);
/* Wiped. */
void millrace_forget_association(struct millrace_held* held, struct millrace_association* association);
/* As strongSwan names them: by number, source and destination. NULL: there is none. */
struct millrace_association* millrace_find_association(struct millrace_held* held, uint32_t spi,
                                                       const struct millrace_ike_address* source,
                                                       const struct millrace_ike_address* destination);
/* As the gateway names them; `remote` counts for an outbound one. */
struct millrace_association* millrace_find_which(struct millrace_held* held,
                                                 const struct millrace_ike_which* which);

struct millrace_policy* millrace_hold_policy(struct millrace_held* held,
                                             const struct millrace_ike_policy* wire);
/* The one that is equal in selector, priority, tunnel and the association's number. */
struct millrace_policy* millrace_find_policy(struct millrace_held* held,
                                             const struct millrace_ike_policy* wire);
/* The newest with this selector and priority: the one in force. */
struct millrace_policy* millrace_newest_policy(struct millrace_held* held,
                                               const struct millrace_ike_which_policy* key);
void millrace_forget_policy(struct millrace_held* held, struct millrace_policy* policy);

void millrace_forget_associations(struct millrace_held* held);
void millrace_forget_policies(struct millrace_held* held);

#endif
