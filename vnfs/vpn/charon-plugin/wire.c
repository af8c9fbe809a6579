/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vnfs/vpn/charon-plugin/wire.h"

#include <daemon.h>
#include <library.h>

#define CHOOSE                                                                                               \
  "choose esp_proposals of aes128gcm16, aes256gcm16, chacha20poly1305, or aes128, aes256 or aes256ctr with " \
  "sha1, "                                                                                                   \
  "sha256, sha384 or sha512"

struct millrace_ike_address millrace_wire_address(host_t* host) {
  struct millrace_ike_address wire = {.family = 0};
  const chunk_t address = host->get_address(host);
  if (address.len == 4 || address.len == 16) {
    wire.family = address.len == 4 ? 4 : 6;
    memcpy(wire.bytes, address.ptr, address.len);
  }
  return wire;
}

host_t* millrace_host(const struct millrace_ike_address* address, uint16_t port) {
  if (address->family != 4 && address->family != 6) return NULL;
  const bool v4 = address->family == 4;
  return host_create_from_chunk(v4 ? AF_INET : AF_INET6, chunk_create((u_char*)address->bytes, v4 ? 4 : 16),
                                port);
}

bool millrace_same_address(const struct millrace_ike_address* a, const struct millrace_ike_address* b) {
  return memcmp(a, b, sizeof(*a)) == 0;
}

/* The prefix that is the selector's range, no more and no less. */
static bool wire_prefix(traffic_selector_t* selector, struct millrace_ike_address* address, uint8_t* length) {
  host_t* net = NULL;
  const bool exact = selector->to_subnet(selector, &net, length);
  if (net) *address = millrace_wire_address(net);
  DESTROY_IF(net);
  if (!exact)
    DBG1(DBG_KNL, "millrace: %R is no prefix: choose traffic selectors as in 192.0.2.0/24", selector);
  return exact;
}

static bool wire_ports(traffic_selector_t* selector, uint16_t* first, uint16_t* last) {
  *first = selector->get_from_port(selector);
  *last = selector->get_to_port(selector);
  if (*first <= *last) return true;
  DBG1(DBG_KNL, "millrace: ports of %R cannot be opaque: choose some, or all", selector);
  return false;
}

bool millrace_wire_selector(traffic_selector_t* local, traffic_selector_t* remote,
                            struct millrace_ike_selector* selector) {
  struct millrace_ike_address address;
  uint16_t first, last;
  *selector = (struct millrace_ike_selector){.protocol = local->get_protocol(local)};
  if (selector->protocol == 0) selector->protocol = remote->get_protocol(remote);
  if (!wire_prefix(local, &address, &selector->local_length) || !wire_ports(local, &first, &last))
    return false;
  selector->local = address;
  selector->local_first = first;
  selector->local_last = last;
  if (!wire_prefix(remote, &address, &selector->remote_length) || !wire_ports(remote, &first, &last))
    return false;
  selector->remote = address;
  selector->remote_first = first;
  selector->remote_last = last;
  return true;
}

/* Packets have one protocol, whichever end looks at them; charon makes policies of the same pairs. */
static bool same_protocol(traffic_selector_t* a, traffic_selector_t* b) {
  const uint8_t one = a->get_protocol(a), other = b->get_protocol(b);
  return one == 0 || other == 0 || one == other;
}

int millrace_wire_selectors(linked_list_t* local, linked_list_t* remote,
                            struct millrace_ike_selector* selectors, size_t room) {
  traffic_selector_t *here, *there;
  size_t count = 0;
  bool good = TRUE;
  if (!local || !remote) return 0;
  enumerator_t* of_local = local->create_enumerator(local);
  while (good && of_local->enumerate(of_local, &here)) {
    enumerator_t* of_remote = remote->create_enumerator(remote);
    while (good && of_remote->enumerate(of_remote, &there)) {
      if (here->get_type(here) != there->get_type(there) || !same_protocol(here, there)) continue;
      good = count < room && millrace_wire_selector(here, there, &selectors[count]);
      if (count == room)
        DBG1(DBG_KNL, "millrace: an association has at most %zu pairs of traffic selectors", room);
      if (good) count++;
    }
    of_remote->destroy(of_remote);
  }
  of_local->destroy(of_local);
  return good ? (int)count : -1;
}

traffic_selector_t* millrace_traffic_selector(const struct millrace_ike_selector* selector, bool local) {
  const struct millrace_ike_address address = local ? selector->local : selector->remote;
  host_t* net = millrace_host(&address, 0);
  if (!net) return NULL;
  return traffic_selector_create_from_subnet(net, local ? selector->local_length : selector->remote_length,
                                             selector->protocol,
                                             local ? selector->local_first : selector->remote_first,
                                             local ? selector->local_last : selector->remote_last);
}

/* By the bytes of the key with its salt: RFC 4106 section 8.1, RFC 7634 section 2, RFC 3686 section 5.1. */
static const struct {
  uint16_t encryption;
  uint8_t key;
  uint8_t cipher;
} ciphers[] = {
    {ENCR_AES_GCM_ICV16, 20, MILLRACE_IKE_AES_GCM_128},
    {ENCR_AES_GCM_ICV16, 28, MILLRACE_IKE_AES_GCM_192},
    {ENCR_AES_GCM_ICV16, 36, MILLRACE_IKE_AES_GCM_256},
    {ENCR_CHACHA20_POLY1305, 36, MILLRACE_IKE_CHACHA20_POLY1305},
    {ENCR_AES_CBC, 16, MILLRACE_IKE_AES_CBC_128},
    {ENCR_AES_CBC, 24, MILLRACE_IKE_AES_CBC_192},
    {ENCR_AES_CBC, 32, MILLRACE_IKE_AES_CBC_256},
    {ENCR_AES_CTR, 20, MILLRACE_IKE_AES_CTR_128},
    {ENCR_AES_CTR, 28, MILLRACE_IKE_AES_CTR_192},
    {ENCR_AES_CTR, 36, MILLRACE_IKE_AES_CTR_256},
    {ENCR_NULL, 0, MILLRACE_IKE_NULL},
};
static const struct {
  uint16_t integrity;
  uint8_t key;
  uint8_t hash;
} hashes[] = {
    {AUTH_HMAC_SHA1_96, 20, MILLRACE_IKE_HMAC_SHA1},
    {AUTH_HMAC_SHA2_256_128, 32, MILLRACE_IKE_HMAC_SHA256},
    {AUTH_HMAC_SHA2_384_192, 48, MILLRACE_IKE_HMAC_SHA384},
    {AUTH_HMAC_SHA2_512_256, 64, MILLRACE_IKE_HMAC_SHA512},
};

bool millrace_wire_suite(uint16_t encryption, size_t encryption_key, uint16_t integrity, size_t integrity_key,
                         uint8_t* cipher, uint8_t* hash) {
  *cipher = 0;
  for (size_t i = 0; i < countof(ciphers); i++) {
    if (ciphers[i].encryption == encryption && ciphers[i].key == encryption_key) *cipher = ciphers[i].cipher;
  }
  if (*cipher == 0) {
    DBG1(DBG_KNL, "millrace: there is no %N with %zu bytes of key material: " CHOOSE,
         encryption_algorithm_names, encryption, encryption_key);
    return false;
  }
  *hash = MILLRACE_IKE_NO_INTEGRITY;
  if (*cipher <= MILLRACE_IKE_CHACHA20_POLY1305) return true; /* they have their own */
  for (size_t i = 0; i < countof(hashes); i++) {
    if (hashes[i].integrity == integrity && hashes[i].key == integrity_key) *hash = hashes[i].hash;
  }
  if (*hash == MILLRACE_IKE_NO_INTEGRITY) {
    DBG1(DBG_KNL, "millrace: there is no %N with %zu bytes of key material: " CHOOSE,
         integrity_algorithm_names, integrity, integrity_key);
    return false;
  }
  return true;
}

uint32_t millrace_priority(int priority, const struct millrace_ike_selector* selector) {
  /* The bits of two prefixes and the width of two ranges of ports, largest where nothing is named. */
  const uint32_t widest = selector->local.family == 4 ? 64 : 256;
  uint32_t open = (widest - selector->local_length - selector->remote_length) << 3;
  if (selector->protocol == 0) open |= 4;
  if (selector->local_first != selector->local_last) open |= 2;
  if (selector->remote_first != selector->remote_last) open |= 1;
  switch (priority) {
    case POLICY_PRIORITY_PASS:
      return 100000 + open;
    case POLICY_PRIORITY_DEFAULT:
      return 200000 + open;
    case POLICY_PRIORITY_ROUTED: /* behind a policy of the same selectors that has an association */
      return 300000 + open;
    default: /* POLICY_PRIORITY_FALLBACK */
      return 400000 + open;
  }
}
