/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vnfs/vpn/charon-plugin/troubles.h"

#include <daemon.h>
#include <library.h>
#include <processing/jobs/callback_job.h>
#include <threading/mutex.h>

#include "vnfs/vpn/charon-plugin/ipsec.h"

struct millrace_troubles {
  listener_t listener; /* strongSwan's interface: the two share an address */
  struct millrace_teller* teller;
};

/* On its way: charon's bus is not to wait for the gateway. */
struct told {
  struct millrace_teller* teller;
  struct MILLRACE_IKE_PACKED {
    struct millrace_ike_header header;
    struct millrace_ike_trouble trouble;
    char text[MILLRACE_IKE_MOST_TEXT];
  } request;
};

static job_requeue_t tell(void* data) {
  struct told* this = data;
  struct millrace_answer answer;
  mutex_t* order = this->teller->order;
  order->lock(order);
  /* Without a gateway nobody is to be told: the log has it. */
  (void)millrace_connection_ask(
      this->teller->connection, &this->request,
      sizeof(this->request) - MILLRACE_IKE_MOST_TEXT + this->request.trouble.text_bytes, &answer);
  order->unlock(order);
  return JOB_REQUEUE_NONE;
}

#pragma GCC diagnostic push
/* strongSwan's own conversions: %Y an identity or a list, %H an address, %P proposals, %R traffic selectors.
 */
#pragma GCC diagnostic ignored "-Wformat"
#pragma GCC diagnostic ignored "-Wformat-extra-args"
#pragma GCC diagnostic ignored "-Wformat-security"
static int of_certificate(char* out, size_t size, alert_t alert, certificate_t* certificate) {
  identification_t* subject = certificate->get_subject(certificate);
  switch (alert) {
    case ALERT_CERT_EXPIRED:
      return snprintf(out, size, "the certificate of '%Y' is not valid now: renew it, or set the clock",
                      subject);
    case ALERT_CERT_REVOKED:
      return snprintf(out, size, "the certificate of '%Y' was revoked", subject);
    case ALERT_CERT_VALIDATION_FAILED:
      return snprintf(
          out, size,
          "nobody can tell whether the certificate of '%Y' was revoked: check that its CRL or OCSP is to be "
          "reached, or set strict_revocation: false",
          subject);
    case ALERT_CERT_NO_ISSUER:
      return snprintf(out, size, "no known authority signed the certificate of '%Y': give it in authorities",
                      subject);
    case ALERT_CERT_UNTRUSTED_ROOT:
      return snprintf(out, size,
                      "the authority behind the certificate of '%Y' is not trusted: give it in authorities",
                      subject);
    default:
      return snprintf(out, size, "the certificate of '%Y' breaks a rule of its authority", subject);
  }
}

/* Bytes; 0: nothing to tell. */
static int words_of(char* out, size_t size, alert_t alert, host_t* other, va_list args) {
  switch (alert) {
    case ALERT_LOCAL_AUTH_FAILED:
      return snprintf(
          out, size,
          "%H does not believe who we are: check identity, and the secret or certificate it expects", other);
    case ALERT_PEER_AUTH_FAILED:
      return snprintf(
          out, size,
          "%H did not prove who it is: check peer, and the secret, password or certificate at both ends",
          other);
    case ALERT_PEER_ADDR_FAILED:
      return snprintf(out, size, "the peer's name has no address: check remote, and the name server");
    case ALERT_PEER_INIT_UNREACHABLE:
    case ALERT_RETRANSMIT_SEND_TIMEOUT:
      return snprintf(out, size,
                      "%H does not answer: check that it runs, and that UDP ports 500 and 4500 pass", other);
    case ALERT_PROPOSAL_MISMATCH_IKE:
      return snprintf(out, size, "%H proposes none of ike_proposals, but: %#P", other,
                      va_arg(args, linked_list_t*));
    case ALERT_PROPOSAL_MISMATCH_CHILD:
      return snprintf(out, size, "%H proposes none of esp_proposals, but: %#P", other,
                      va_arg(args, linked_list_t*));
    case ALERT_TS_MISMATCH: {
      linked_list_t* theirs = va_arg(args, linked_list_t*);
      linked_list_t* ours = va_arg(args, linked_list_t*);
      return snprintf(out, size, "%H wants other networks than these: %#R at its side, %#R at this one",
                      other, theirs, ours);
    }
    case ALERT_INSTALL_CHILD_SA_FAILED:
      return snprintf(out, size, "the VPN gateway did not take an association with %H: its log says why",
                      other);
    case ALERT_INSTALL_CHILD_POLICY_FAILED:
      return snprintf(out, size, "the VPN gateway did not take a policy with %H: its log says why", other);
    case ALERT_VIP_FAILURE:
      return snprintf(out, size, "there is no address for %H: give pools, or more addresses in them", other);
    case ALERT_IKE_SA_EXPIRED:
      return snprintf(out, size, "the key exchange with %H was not renewed in time", other);
    case ALERT_CERT_EXPIRED:
    case ALERT_CERT_REVOKED:
    case ALERT_CERT_VALIDATION_FAILED:
    case ALERT_CERT_NO_ISSUER:
    case ALERT_CERT_UNTRUSTED_ROOT:
    case ALERT_CERT_EXCEEDED_PATH_LEN:
    case ALERT_CERT_POLICY_VIOLATION:
      return of_certificate(out, size, alert, va_arg(args, certificate_t*));
    default:
      return 0;
  }
}

static int broke_off(char* out, size_t size, ike_sa_t* ike_sa) {
  return snprintf(out, size,
                  "%H broke off, for one side did not prove who it is: check the password or certificate",
                  ike_sa->get_other_host(ike_sa));
}
#pragma GCC diagnostic pop

/* Whether one side did not prove who it is. */
static bool is_unproved(alert_t alert) {
  return alert == ALERT_LOCAL_AUTH_FAILED || alert == ALERT_PEER_AUTH_FAILED ||
         (alert >= ALERT_CERT_EXPIRED && alert <= ALERT_CERT_POLICY_VIOLATION);
}

static void queue(struct millrace_troubles* this, ike_sa_t* ike_sa, struct told* told, int length,
                  bool unproved) {
  static const char unnamed[] = "(unnamed)";
  const char* name = ike_sa ? ike_sa->get_name(ike_sa) : unnamed;
  if (length <= 0) {
    free(told);
    return;
  }
  told->teller = this->teller;
  told->request.header.type = MILLRACE_IKE_TROUBLE;
  told->request.trouble.flags = unproved ? MILLRACE_IKE_UNPROVED : 0;
  told->request.trouble.text_bytes = (uint16_t)min((size_t)length, sizeof(told->request.text) - 1);
  if (strcmp(name, unnamed) != 0)
    strncpy(told->request.trouble.connection, name, sizeof(told->request.trouble.connection) - 1);
  lib->processor->queue_job(lib->processor, (job_t*)callback_job_create(tell, told, free, NULL));
}

METHOD(listener_t, alert, bool, struct millrace_troubles* this, ike_sa_t* ike_sa, alert_t alert,
       va_list args) {
  struct told* told = calloc(1, sizeof(*told));
  host_t* other = ike_sa ? ike_sa->get_other_host(ike_sa) : NULL;
  if (told)
    queue(this, ike_sa, told, words_of(told->request.text, sizeof(told->request.text), alert, other, args),
          is_unproved(alert));
  return TRUE;
}

/* A peer that breaks off raises no alert. */
METHOD(listener_t, message, bool, struct millrace_troubles* this, ike_sa_t* ike_sa, message_t* message,
       bool incoming, bool plain) {
  const bool broken_off =
      incoming && plain && ike_sa && message->get_exchange_type(message) == INFORMATIONAL &&
      message->get_request(message) && message->get_notify(message, AUTHENTICATION_FAILED);
  struct told* told = broken_off ? calloc(1, sizeof(*told)) : NULL;
  if (told)
    queue(this, ike_sa, told, broke_off(told->request.text, sizeof(told->request.text), ike_sa), true);
  return TRUE;
}

struct millrace_troubles* millrace_troubles_create(struct millrace_teller* teller) {
  struct millrace_troubles* this;
  INIT(this, .listener = {.alert = _alert, .message = _message}, .teller = teller);
  charon->bus->add_listener(charon->bus, &this->listener);
  return this;
}

void millrace_troubles_destroy(struct millrace_troubles* this) {
  charon->bus->remove_listener(charon->bus, &this->listener);
  free(this);
}
