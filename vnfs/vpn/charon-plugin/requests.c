/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vnfs/vpn/charon-plugin/requests.h"

#include <daemon.h>
#include <library.h>

#include "vnfs/vpn/charon-plugin/wire.h"

static bool supported(const kernel_ipsec_sa_id_t* id, const kernel_ipsec_add_sa_t* data) {
  const char* why = NULL;
  if (id->proto != IPPROTO_ESP) why = "AH is not supported: choose ESP";
  if (data->mode != MODE_TUNNEL && data->mode != MODE_TRANSPORT) why = "choose mode = tunnel or transport";
  if (data->ipcomp != IPCOMP_NONE) why = "compression is not supported: set ipcomp = no";
  if (id->mark.value != 0 || id->mark.mask != 0)
    why = "marks are not supported: leave mark_in and mark_out out";
  if (data->label) why = "labels are not supported: leave label out";
  if (data->tfc != 0) why = "padding is not supported: leave tfc_padding out";
  if (why) DBG1(DBG_KNL, "millrace: %s", why);
  return !why;
}

static struct millrace_ike_limit limit(uint64_t soft, uint64_t hard) {
  return (struct millrace_ike_limit){.soft = soft, .hard = hard};
}

static void fill(struct millrace_ike_association* wire, const kernel_ipsec_sa_id_t* id,
                 const kernel_ipsec_add_sa_t* data) {
  host_t* local = data->inbound ? id->dst : id->src;
  host_t* remote = data->inbound ? id->src : id->dst;
  wire->key = (struct millrace_ike_which){
      .spi = ntohl(id->spi), .outbound = data->inbound ? 0 : 1, .remote = millrace_wire_address(remote)};
  wire->local = millrace_wire_address(local);
  wire->mode = data->mode == MODE_TUNNEL ? MILLRACE_IKE_TUNNEL : MILLRACE_IKE_TRANSPORT;
  wire->flags = (uint8_t)((data->esn ? MILLRACE_IKE_EXTENDED : 0) | (data->encap ? MILLRACE_IKE_UDP : 0));
  wire->window = data->inbound ? data->replay_window : 0;
  wire->udp = (struct millrace_ike_udp){.local = local->get_port(local), .remote = remote->get_port(remote)};
  wire->tunnel = data->reqid;
  wire->interface = id->if_id;
  if (data->lifetime) {
    wire->seconds = limit(data->lifetime->time.rekey, data->lifetime->time.life);
    wire->bytes = limit(data->lifetime->bytes.rekey, data->lifetime->bytes.life);
    wire->packets = limit(data->lifetime->packets.rekey, data->lifetime->packets.life);
  }
}

struct millrace_association* millrace_hold_sa(struct millrace_held* held, kernel_ipsec_sa_id_t* id,
                                              kernel_ipsec_add_sa_t* data) {
  struct millrace_ike_association wire = {0};
  uint8_t cipher, hash;
  if (!supported(id, data)) return NULL;
  linked_list_t* local = data->inbound ? data->dst_ts : data->src_ts;
  linked_list_t* remote = data->inbound ? data->src_ts : data->dst_ts;
  struct millrace_ike_selector* selectors = calloc(MILLRACE_IKE_MOST_SELECTORS, sizeof(*selectors));
  struct millrace_association* association = NULL;
  const int count =
      selectors ? millrace_wire_selectors(local, remote, selectors, MILLRACE_IKE_MOST_SELECTORS) : -1;
  if (count >= 0 && millrace_wire_suite(data->enc_alg, data->enc_key.len, data->int_alg, data->int_key.len,
                                        &cipher, &hash)) {
    const size_t integrity_key = hash == MILLRACE_IKE_NO_INTEGRITY ? 0 : data->int_key.len;
    const size_t all_selectors = (size_t)count * sizeof(*selectors);
    fill(&wire, id, data);
    wire.cipher = cipher;
    wire.integrity = hash;
    wire.cipher_key_bytes = (uint8_t)data->enc_key.len;
    wire.integrity_key_bytes = (uint8_t)integrity_key;
    wire.selectors = (uint16_t)count;
    association = millrace_hold_association(held, sizeof(struct millrace_ike_header) + sizeof(wire) +
                                                      data->enc_key.len + integrity_key + all_selectors);
    if (association) {
      const struct millrace_ike_header header = {.type = MILLRACE_IKE_ADD_ASSOCIATION};
      uint8_t* at = association->request;
      memcpy(at, &header, sizeof(header));
      memcpy(at += sizeof(header), &wire, sizeof(wire));
      at += sizeof(wire);
      if (data->enc_key.len != 0) memcpy(at, data->enc_key.ptr, data->enc_key.len);
      at += data->enc_key.len;
      if (integrity_key != 0) memcpy(at, data->int_key.ptr, integrity_key);
      memcpy(at + integrity_key, selectors, all_selectors);
    }
  }
  free(selectors);
  return association;
}

bool millrace_wire_policy(kernel_ipsec_policy_id_t* id, kernel_ipsec_manage_policy_t* data,
                          struct millrace_ike_policy* wire) {
  struct millrace_ike_selector selector;
  const char* why = NULL;
  if (id->mark.value != 0 || id->mark.mask != 0)
    why = "marks are not supported: leave mark_in and mark_out out";
  if (id->interface) why = "policies of an interface are not supported: leave interface out";
  if (id->label) why = "labels are not supported: leave label out";
  if (why) DBG1(DBG_KNL, "millrace: %s", why);
  if (why || !millrace_wire_selector(id->src_ts, id->dst_ts, &selector)) return false;
  *wire = (struct millrace_ike_policy){
      .key = {.selector = selector,
              .priority =
                  data->manual_prio ? data->manual_prio : millrace_priority((int)data->prio, &selector),
              .interface = id->if_id},
      .action = data->type == POLICY_PASS   ? MILLRACE_IKE_BYPASS
                : data->type == POLICY_DROP ? MILLRACE_IKE_DISCARD
                                            : MILLRACE_IKE_PROTECT,
      .tunnel = data->sa ? data->sa->reqid : 0};
  if (data->type == POLICY_IPSEC && data->sa && data->sa->esp.use && data->sa->esp.spi != 0) {
    wire->flags = MILLRACE_IKE_OUTBOUND;
    wire->outbound = (struct millrace_ike_which){
        .spi = ntohl(data->sa->esp.spi), .outbound = 1, .remote = millrace_wire_address(data->dst)};
  } else {
    wire->outbound.remote.family = 4; /* of no meaning, and well-formed */
  }
  return true;
}
