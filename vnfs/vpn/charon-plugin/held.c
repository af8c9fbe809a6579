/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vnfs/vpn/charon-plugin/held.h"

#include <library.h>
#include <sys/mman.h>

#include "vnfs/vpn/charon-plugin/wire.h"

struct millrace_ike_association* millrace_association_wire(struct millrace_association* association) {
  return (struct millrace_ike_association*)(association->request + sizeof(struct millrace_ike_header));
}

struct millrace_association* millrace_hold_association(struct millrace_held* held, size_t bytes) {
  struct millrace_association* association = calloc(1, sizeof(*association));
  if (!association) return NULL;
  association->request = calloc(1, bytes);
  if (!association->request) {
    free(association);
    return NULL;
  }
  /* Kept out of swap where the system allows it. */
  (void)mlock(association->request, bytes);
  association->bytes = bytes;
  struct millrace_association** at = &held->associations;
  while (*at) at = &(*at)->next;
  *at = association;
  return association;
}

void millrace_association_told(struct millrace_association* association) {
  struct millrace_ike_association* wire = millrace_association_wire(association);
  association->told = true;
  wire->flags |= MILLRACE_IKE_AGAIN;
  if (!wire->key.outbound) return;
  memwipe((uint8_t*)wire + sizeof(*wire), (size_t)wire->cipher_key_bytes + wire->integrity_key_bytes);
}

void millrace_forget_association(struct millrace_held* held, struct millrace_association* association) {
  struct millrace_association** at = &held->associations;
  while (*at && *at != association) at = &(*at)->next;
  if (*at) *at = association->next;
  chunk_t request = chunk_create(association->request, association->bytes);
  chunk_clear(&request);
  free(association);
}

struct millrace_association* millrace_find_association(struct millrace_held* held, uint32_t spi,
                                                       const struct millrace_ike_address* source,
                                                       const struct millrace_ike_address* destination) {
  for (struct millrace_association* each = held->associations; each; each = each->next) {
    const struct millrace_ike_association wire = *millrace_association_wire(each);
    if (wire.key.spi != spi) continue;
    const struct millrace_ike_address* from = wire.key.outbound ? &wire.local : &wire.key.remote;
    const struct millrace_ike_address* to = wire.key.outbound ? &wire.key.remote : &wire.local;
    if (millrace_same_address(from, source) && millrace_same_address(to, destination)) return each;
  }
  return NULL;
}

struct millrace_association* millrace_find_which(struct millrace_held* held,
                                                 const struct millrace_ike_which* which) {
  for (struct millrace_association* each = held->associations; each; each = each->next) {
    const struct millrace_ike_which key = millrace_association_wire(each)->key;
    if (key.spi != which->spi || key.outbound != which->outbound) continue;
    if (!key.outbound || millrace_same_address(&key.remote, &which->remote)) return each;
  }
  return NULL;
}

static bool same_key(const struct millrace_ike_which_policy* a, const struct millrace_ike_which_policy* b) {
  return memcmp(a, b, sizeof(*a)) == 0;
}

struct millrace_policy* millrace_hold_policy(struct millrace_held* held,
                                             const struct millrace_ike_policy* wire) {
  struct millrace_policy* policy = calloc(1, sizeof(*policy));
  if (!policy) return NULL;
  policy->wire = *wire;
  struct millrace_policy** at = &held->policies;
  while (*at) at = &(*at)->next;
  *at = policy;
  return policy;
}

struct millrace_policy* millrace_find_policy(struct millrace_held* held,
                                             const struct millrace_ike_policy* wire) {
  for (struct millrace_policy* each = held->policies; each; each = each->next) {
    if (same_key(&each->wire.key, &wire->key) && each->wire.action == wire->action &&
        each->wire.tunnel == wire->tunnel && each->wire.outbound.spi == wire->outbound.spi)
      return each;
  }
  return NULL;
}

struct millrace_policy* millrace_newest_policy(struct millrace_held* held,
                                               const struct millrace_ike_which_policy* key) {
  struct millrace_policy* newest = NULL;
  for (struct millrace_policy* each = held->policies; each; each = each->next) {
    if (same_key(&each->wire.key, key)) newest = each;
  }
  return newest;
}

void millrace_forget_policy(struct millrace_held* held, struct millrace_policy* policy) {
  struct millrace_policy** at = &held->policies;
  while (*at && *at != policy) at = &(*at)->next;
  if (*at) *at = policy->next;
  free(policy);
}

void millrace_forget_associations(struct millrace_held* held) {
  while (held->associations) millrace_forget_association(held, held->associations);
}

void millrace_forget_policies(struct millrace_held* held) {
  while (held->policies) millrace_forget_policy(held, held->policies);
}
