/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vnfs/vpn/charon-plugin/ipsec.h"

#include <daemon.h>
#include <library.h>
#include <threading/mutex.h>

#include "vnfs/vpn/charon-plugin/requests.h"
#include "vnfs/vpn/charon-plugin/troubles.h"
#include "vnfs/vpn/charon-plugin/wire.h"

typedef struct millrace_ipsec private_t;

struct millrace_ipsec {
  kernel_ipsec_t public;
  struct millrace_teller teller;
  struct millrace_troubles* troubles;
};

/* Before whatever asks: waits for the gateway a moment, so that its restart is not seen, and locks. */
static void begin(private_t* this) {
  millrace_connection_await(this->teller.connection);
  this->teller.order->lock(this->teller.order);
}

static void end(private_t* this) { this->teller.order->unlock(this->teller.order); }

static enum millrace_outcome ask(private_t* this, void* request, size_t bytes,
                                 struct millrace_answer* answer) {
  const enum millrace_outcome outcome =
      millrace_connection_ask(this->teller.connection, request, bytes, answer);
  if (outcome != MILLRACE_ANSWERED)
    DBG2(DBG_KNL, "millrace: the VPN gateway is away");
  else if (answer->body.status != MILLRACE_IKE_OK)
    DBG1(DBG_KNL, "millrace: the VPN gateway refuses: %s", answer->text);
  return outcome;
}

/* True: answered, and OK. */
static bool done(private_t* this, void* request, size_t bytes, struct millrace_answer* answer) {
  return ask(this, request, bytes, answer) == MILLRACE_ANSWERED && answer->body.status == MILLRACE_IKE_OK;
}

METHOD(kernel_ipsec_t, get_features, kernel_feature_t, private_t* this) {
  /* A policy names the association that packets leave by, so that a new one takes over without a gap.
   * Extended sequence numbers need no bit. */
  return KERNEL_POLICY_SPI;
}

METHOD(kernel_ipsec_t, get_spi, status_t, private_t* this, host_t* src, host_t* dst, uint8_t protocol,
       uint32_t* spi) {
  struct millrace_ike_header request = {.type = MILLRACE_IKE_ALLOCATE_SPI};
  struct millrace_answer answer;
  if (protocol != IPPROTO_ESP) {
    DBG1(DBG_KNL, "millrace: AH is not supported: choose ESP");
    return NOT_SUPPORTED;
  }
  begin(this);
  const bool good = done(this, &request, sizeof(request), &answer);
  end(this);
  if (!good) {
    DBG1(DBG_KNL, "millrace: no number for an association to %H: the VPN gateway gave none", dst);
    return FAILED;
  }
  *spi = htonl(answer.body.spi);
  return SUCCESS;
}

METHOD(kernel_ipsec_t, get_cpi, status_t, private_t* this, host_t* src, host_t* dst, uint16_t* cpi) {
  DBG1(DBG_KNL, "millrace: compression is not supported: set ipcomp = no");
  return NOT_SUPPORTED;
}

METHOD(kernel_ipsec_t, add_sa, status_t, private_t* this, kernel_ipsec_sa_id_t* id,
       kernel_ipsec_add_sa_t* data) {
  struct millrace_answer answer;
  status_t status = SUCCESS;
  begin(this);
  struct millrace_association* association = millrace_hold_sa(&this->teller.held, id, data);
  if (!association) {
    end(this);
    return NOT_SUPPORTED;
  }
  switch (ask(this, association->request, association->bytes, &answer)) {
    case MILLRACE_ANSWERED:
      if (answer.body.status == MILLRACE_IKE_OK) {
        millrace_association_told(association);
        break;
      }
      millrace_forget_association(&this->teller.held, association);
      status = FAILED;
      break;
    case MILLRACE_LOST:
      millrace_association_told(association);
      break;
    case MILLRACE_AWAY: /* told when the gateway is there again */
      break;
  }
  end(this);
  return status;
}

static struct millrace_association* find(private_t* this, const kernel_ipsec_sa_id_t* id) {
  const struct millrace_ike_address source = millrace_wire_address(id->src);
  const struct millrace_ike_address destination = millrace_wire_address(id->dst);
  return millrace_find_association(&this->teller.held, ntohl(id->spi), &source, &destination);
}

METHOD(kernel_ipsec_t, update_sa, status_t, private_t* this, kernel_ipsec_sa_id_t* id,
       kernel_ipsec_update_sa_t* data) {
  struct millrace_answer answer;
  status_t status = NOT_SUPPORTED; /* charon makes another association then */
  begin(this);
  struct millrace_association* association = find(this, id);
  if (!association) {
    status = NOT_FOUND;
  } else {
    struct millrace_ike_association* wire = millrace_association_wire(association);
    host_t* local = wire->key.outbound ? data->new_src : data->new_dst;
    host_t* remote = wire->key.outbound ? data->new_dst : data->new_src;
    struct MILLRACE_IKE_PACKED {
      struct millrace_ike_header header;
      struct millrace_ike_move move;
    } request = {.header = {.type = MILLRACE_IKE_MOVE_ASSOCIATION},
                 .move = {.key = wire->key,
                          .local = millrace_wire_address(local),
                          .remote = millrace_wire_address(remote),
                          .flags = data->new_encap ? MILLRACE_IKE_UDP : 0,
                          .udp = {.local = local->get_port(local), .remote = remote->get_port(remote)}}};
    const bool same_tunnel = data->new_reqid == 0 || data->new_reqid == wire->tunnel;
    if (same_tunnel && done(this, &request, sizeof(request), &answer)) {
      wire->key.remote = request.move.remote;
      wire->local = request.move.local;
      wire->udp = request.move.udp;
      wire->flags = (uint8_t)((wire->flags & ~MILLRACE_IKE_UDP) | request.move.flags);
      status = SUCCESS;
    }
  }
  end(this);
  return status;
}

struct MILLRACE_IKE_PACKED which_request {
  struct millrace_ike_header header;
  struct millrace_ike_which which;
};

METHOD(kernel_ipsec_t, query_sa, status_t, private_t* this, kernel_ipsec_sa_id_t* id,
       kernel_ipsec_query_sa_t* data, uint64_t* bytes, uint64_t* packets, time_t* time) {
  struct millrace_answer answer;
  status_t status = FAILED;
  begin(this);
  struct millrace_association* association = find(this, id);
  if (!association) {
    status = NOT_FOUND;
  } else {
    struct which_request request = {.header = {.type = MILLRACE_IKE_QUERY_ASSOCIATION},
                                    .which = millrace_association_wire(association)->key};
    if (done(this, &request, sizeof(request), &answer)) {
      if (bytes) *bytes = answer.body.bytes;
      if (packets) *packets = answer.body.packets;
      if (time)
        *time = answer.body.packets == 0 ? 0 : time_monotonic(NULL) - (time_t)answer.body.idle_seconds;
      status = SUCCESS;
    }
  }
  end(this);
  return status;
}

METHOD(kernel_ipsec_t, del_sa, status_t, private_t* this, kernel_ipsec_sa_id_t* id,
       kernel_ipsec_del_sa_t* data) {
  struct millrace_answer answer;
  status_t status = NOT_FOUND;
  begin(this);
  struct millrace_association* association = find(this, id);
  if (association) {
    struct which_request request = {.header = {.type = MILLRACE_IKE_REMOVE_ASSOCIATION},
                                    .which = millrace_association_wire(association)->key};
    /* A gateway that does not have it any more, or is away, comes to the same. */
    (void)millrace_connection_ask(this->teller.connection, &request, sizeof(request), &answer);
    millrace_forget_association(&this->teller.held, association);
    status = SUCCESS;
  }
  end(this);
  return status;
}

static void flush(private_t* this, uint16_t type) {
  struct millrace_ike_header request = {.type = type};
  struct millrace_answer answer;
  (void)ask(this, &request, sizeof(request), &answer);
}

METHOD(kernel_ipsec_t, flush_sas, status_t, private_t* this) {
  begin(this);
  millrace_forget_associations(&this->teller.held);
  flush(this, MILLRACE_IKE_FLUSH_ASSOCIATIONS);
  end(this);
  return SUCCESS;
}

static enum millrace_outcome tell_policy(private_t* this, const struct millrace_ike_policy* wire,
                                         struct millrace_answer* answer) {
  struct MILLRACE_IKE_PACKED {
    struct millrace_ike_header header;
    struct millrace_ike_policy policy;
  } request = {.header = {.type = MILLRACE_IKE_ADD_POLICY}, .policy = *wire};
  return ask(this, &request, sizeof(request), answer);
}

METHOD(kernel_ipsec_t, add_policy, status_t, private_t* this, kernel_ipsec_policy_id_t* id,
       kernel_ipsec_manage_policy_t* data) {
  struct millrace_ike_policy wire;
  struct millrace_answer answer;
  if (id->dir != POLICY_OUT) return SUCCESS;
  status_t status = SUCCESS;
  if (!millrace_wire_policy(id, data, &wire)) return NOT_SUPPORTED;
  begin(this);
  struct millrace_policy* policy = millrace_hold_policy(&this->teller.held, &wire);
  if (!policy) {
    status = FAILED;
  } else if (tell_policy(this, &wire, &answer) == MILLRACE_ANSWERED &&
             answer.body.status != MILLRACE_IKE_OK) {
    millrace_forget_policy(&this->teller.held, policy);
    status = FAILED;
  }
  end(this);
  return status;
}

struct MILLRACE_IKE_PACKED which_policy_request {
  struct millrace_ike_header header;
  struct millrace_ike_which_policy which;
};

METHOD(kernel_ipsec_t, query_policy, status_t, private_t* this, kernel_ipsec_policy_id_t* id,
       kernel_ipsec_query_policy_t* data, time_t* use_time) {
  /* Policies are as idle as the association that packets leave by, which says nothing of packets that come:
   * charon would take a dead peer for a live one. It asks the inbound association instead. */
  return NOT_SUPPORTED;
}

METHOD(kernel_ipsec_t, del_policy, status_t, private_t* this, kernel_ipsec_policy_id_t* id,
       kernel_ipsec_manage_policy_t* data) {
  struct millrace_ike_policy wire;
  struct millrace_answer answer;
  if (id->dir != POLICY_OUT) return SUCCESS;
  if (!millrace_wire_policy(id, data, &wire)) return NOT_FOUND;
  status_t status = NOT_FOUND;
  begin(this);
  struct millrace_policy* policy = millrace_find_policy(&this->teller.held, &wire);
  if (policy) {
    /* charon tells a tunnel's new policy before it removes the old one: the newest of those that are left is
     * in force. */
    const bool in_force = policy == millrace_newest_policy(&this->teller.held, &wire.key);
    millrace_forget_policy(&this->teller.held, policy);
    const struct millrace_policy* next = millrace_newest_policy(&this->teller.held, &wire.key);
    if (in_force && next) {
      (void)tell_policy(this, &next->wire, &answer);
    } else if (!next) {
      struct which_policy_request request = {.header = {.type = MILLRACE_IKE_REMOVE_POLICY},
                                             .which = wire.key};
      (void)ask(this, &request, sizeof(request), &answer);
    }
    status = SUCCESS;
  }
  end(this);
  return status;
}

METHOD(kernel_ipsec_t, flush_policies, status_t, private_t* this) {
  begin(this);
  millrace_forget_policies(&this->teller.held);
  flush(this, MILLRACE_IKE_FLUSH_POLICIES);
  end(this);
  return SUCCESS;
}

/* Packets of IKE reach charon by the gateway's twin, and ESP never does: RFC 3948. */
METHOD(kernel_ipsec_t, bypass_socket, bool, private_t* this, int fd, int family) { return TRUE; }

METHOD(kernel_ipsec_t, enable_udp_decap, bool, private_t* this, int fd, int family, uint16_t port) {
  return TRUE;
}

METHOD(kernel_ipsec_t, destroy, void, private_t* this) {
  if (this->troubles) millrace_troubles_destroy(this->troubles);
  if (this->teller.connection) millrace_connection_destroy(this->teller.connection);
  millrace_forget_associations(&this->teller.held);
  millrace_forget_policies(&this->teller.held);
  this->teller.order->destroy(this->teller.order);
  free(this);
}

kernel_ipsec_t* millrace_ipsec_create(void) {
  private_t* this;
  const char* path = getenv("MILLRACE_VPN_SOCKET");
  path = lib->settings->get_str(lib->settings, "%s.plugins.millrace.socket",
                                (char*)(path && *path ? path : MILLRACE_IKE_SOCKET), lib->ns);
  INIT(this,
       .public =
           {
               .get_features = _get_features,
               .get_spi = _get_spi,
               .get_cpi = _get_cpi,
               .add_sa = _add_sa,
               .update_sa = _update_sa,
               .query_sa = _query_sa,
               .del_sa = _del_sa,
               .flush_sas = _flush_sas,
               .add_policy = _add_policy,
               .query_policy = _query_policy,
               .del_policy = _del_policy,
               .flush_policies = _flush_policies,
               .bypass_socket = _bypass_socket,
               .enable_udp_decap = _enable_udp_decap,
               .destroy = _destroy,
           },
       .teller.order = mutex_create(MUTEX_TYPE_DEFAULT));
  this->teller.connection = millrace_connection_create(
      path, MILLRACE_STRONGSWAN_RELEASE,
      (struct millrace_listener){.data = &this->teller, .resync = millrace_resync, .event = millrace_event});
  if (!this->teller.connection) {
    DBG1(DBG_KNL, "millrace: no thread for the connection to the VPN gateway");
    destroy(this);
    return NULL;
  }
  this->troubles = millrace_troubles_create(&this->teller);
  return &this->public;
}
