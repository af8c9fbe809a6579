/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is told to a gateway that was away, and what the gateway tells by itself. */
#include <daemon.h>
#include <library.h>
#include <processing/jobs/callback_job.h>
#include <threading/mutex.h>

#include "vnfs/vpn/charon-plugin/ipsec.h"
#include "vnfs/vpn/charon-plugin/wire.h"

struct event {
  struct millrace_teller* teller;
  unsigned type;
  union {
    struct millrace_ike_expired expired;
    struct millrace_ike_acquire acquire;
    struct millrace_ike_mapping mapping;
  } body;
};

/* The gateway's end of an association, as strongSwan wants it: where its packets go. */
static host_t* destination_of(struct millrace_teller* this, const struct millrace_ike_which* which) {
  struct millrace_ike_address address = which->remote;
  if (!which->outbound) {
    this->order->lock(this->order);
    struct millrace_association* association = millrace_find_which(&this->held, which);
    address.family = 0;
    if (association) address = millrace_association_wire(association)->local;
    this->order->unlock(this->order);
  }
  return millrace_host(&address, 0);
}

static void expired(struct millrace_teller* this, const struct millrace_ike_expired* event) {
  const struct millrace_ike_which which = event->key;
  host_t* destination = destination_of(this, &which);
  if (!destination) return; /* it is gone already */
  charon->kernel->expire(charon->kernel, IPPROTO_ESP, htonl(which.spi), destination,
                         (event->flags & MILLRACE_IKE_HARD) != 0);
  destination->destroy(destination);
}

static void acquire(const struct millrace_ike_acquire* event) {
  const struct millrace_ike_selector packet = event->packet;
  kernel_acquire_data_t data = {.src = millrace_traffic_selector(&packet, true),
                                .dst = millrace_traffic_selector(&packet, false)};
  if (data.src && data.dst) charon->kernel->acquire(charon->kernel, event->tunnel, &data);
  DESTROY_IF(data.src);
  DESTROY_IF(data.dst);
}

static void mapping(struct millrace_teller* this, const struct millrace_ike_mapping* event) {
  const struct millrace_ike_which which = event->key;
  const struct millrace_ike_address address = event->remote;
  host_t* destination = destination_of(this, &which);
  host_t* remote = millrace_host(&address, event->remote_port);
  if (destination && remote)
    charon->kernel->mapping(charon->kernel, IPPROTO_ESP, htonl(which.spi), destination, remote);
  DESTROY_IF(destination);
  DESTROY_IF(remote);
}

static job_requeue_t work(void* data) {
  struct event* this = data;
  switch (this->type) {
    case MILLRACE_IKE_EXPIRED:
      expired(this->teller, &this->body.expired);
      break;
    case MILLRACE_IKE_ACQUIRE:
      acquire(&this->body.acquire);
      break;
    default:
      mapping(this->teller, &this->body.mapping);
      break;
  }
  return JOB_REQUEUE_NONE;
}

static size_t body_bytes(unsigned type) {
  switch (type) {
    case MILLRACE_IKE_EXPIRED:
      return sizeof(struct millrace_ike_expired);
    case MILLRACE_IKE_ACQUIRE:
      return sizeof(struct millrace_ike_acquire);
    case MILLRACE_IKE_MAPPING:
      return sizeof(struct millrace_ike_mapping);
    default:
      return 0;
  }
}

/* charon's hooks may ask the gateway, and the connection's thread brings the answers: it is not to wait here.
 */
void millrace_event(void* data, unsigned type, const void* body, size_t bytes) {
  if (bytes == 0 || bytes != body_bytes(type)) {
    DBG1(DBG_KNL, "millrace: an event of type %u and %zu bytes is not understood", type, bytes);
    return;
  }
  struct event* event = calloc(1, sizeof(*event));
  if (!event) return;
  event->teller = data;
  event->type = type;
  memcpy(&event->body, body, bytes);
  lib->processor->queue_job(lib->processor, (job_t*)callback_job_create(work, event, free, NULL));
}

/* charon renews the tunnel of such an association, or ends it. */
static void raise_expire(struct millrace_teller* this, const struct millrace_ike_association* association,
                         bool hard) {
  const struct millrace_ike_expired event = {
      .key = association->key, .tunnel = association->tunnel, .flags = hard ? MILLRACE_IKE_HARD : 0};
  millrace_event(this, MILLRACE_IKE_EXPIRED, &event, sizeof(event));
}

static bool tell_association(struct millrace_teller* this, struct millrace_connection* connection,
                             struct millrace_association* association) {
  struct millrace_answer answer;
  const struct millrace_ike_association* wire = millrace_association_wire(association);
  if (millrace_connection_tell(connection, association->request, association->bytes, &answer) !=
      MILLRACE_ANSWERED) {
    millrace_association_told(association);
    return false;
  }
  if (answer.body.status == MILLRACE_IKE_OK) {
    millrace_association_told(association);
  } else if (answer.body.status == MILLRACE_IKE_STALE) {
    DBG1(DBG_KNL, "millrace: %s", answer.text);
    raise_expire(this, wire, false);
  } else {
    DBG1(DBG_KNL, "millrace: the gateway refuses an association of tunnel %u: %s", wire->tunnel, answer.text);
    raise_expire(this, wire, true);
  }
  return true;
}

static bool tell_policy(struct millrace_connection* connection, const struct millrace_policy* policy) {
  struct millrace_answer answer;
  struct MILLRACE_IKE_PACKED {
    struct millrace_ike_header header;
    struct millrace_ike_policy policy;
  } message = {.header = {.type = MILLRACE_IKE_ADD_POLICY}, .policy = policy->wire};
  if (millrace_connection_tell(connection, &message, sizeof(message), &answer) != MILLRACE_ANSWERED)
    return false;
  if (answer.body.status != MILLRACE_IKE_OK)
    DBG1(DBG_KNL, "millrace: the gateway refuses a policy of tunnel %u: %s", message.policy.tunnel,
         answer.text);
  return true;
}

static bool tell_simple(struct millrace_connection* connection, uint16_t type) {
  struct millrace_answer answer;
  struct millrace_ike_header message = {.type = type};
  return millrace_connection_tell(connection, &message, sizeof(message), &answer) == MILLRACE_ANSWERED &&
         answer.body.status == MILLRACE_IKE_OK;
}

bool millrace_resync(void* data, struct millrace_connection* connection) {
  struct millrace_teller* this = data;
  this->order->lock(this->order);
  bool good = tell_simple(connection, MILLRACE_IKE_RESYNC_BEGIN);
  for (struct millrace_association* each = this->held.associations; good && each; each = each->next)
    good = tell_association(this, connection, each);
  for (struct millrace_policy* each = this->held.policies; good && each; each = each->next)
    good = tell_policy(connection, each);
  good = good && tell_simple(connection, MILLRACE_IKE_RESYNC_END);
  this->order->unlock(this->order);
  return good;
}
