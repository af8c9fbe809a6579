/* SPDX-License-Identifier: BSD-3-Clause */
/* What charon's plugin and the VPN gateway say to each other over a Unix socket of type SOCK_SEQPACKET: one
 * message is one record. C and C++. Both ends are on one machine, so that integers are as this machine has
 * them, without padding; addresses, keys and text are bytes. Every request has a serial number and gets one
 * answer, in the order of the requests. Events come between answers, and have the serial number 0.
 *
 * The plugin speaks first: hello, resync begin, everything that it holds, resync end. What it did not name
 * then is gone.
 */
#ifndef MILLRACE_VPN_IKE_PROTOCOL_H
#define MILLRACE_VPN_IKE_PROTOCOL_H

#include <stdint.h>  // NOLINT(modernize-deprecated-headers)

// NOLINTBEGIN(readability-identifier-naming): C's names
/* Of both; the ends of a connection must have the same. */
#define MILLRACE_IKE_VERSION 2
#define MILLRACE_IKE_SOCKET "/run/millrace/vpn-ike.sock"
/* Bytes. */
#define MILLRACE_IKE_MOST_BYTES 65536
#define MILLRACE_IKE_MOST_KEY 64
#define MILLRACE_IKE_MOST_TEXT 1024
#define MILLRACE_IKE_RELEASE_BYTES 32
#define MILLRACE_IKE_NAME_BYTES 64
#define MILLRACE_IKE_MOST_SELECTORS 1024

#define MILLRACE_IKE_PACKED __attribute__((packed))

enum millrace_ike_type {
  /* Requests. */
  MILLRACE_IKE_HELLO = 1,
  MILLRACE_IKE_ALLOCATE_SPI = 2,       /* a header alone */
  MILLRACE_IKE_ADD_ASSOCIATION = 3,    /* millrace_ike_association */
  MILLRACE_IKE_MOVE_ASSOCIATION = 4,   /* millrace_ike_move */
  MILLRACE_IKE_REMOVE_ASSOCIATION = 5, /* millrace_ike_which */
  MILLRACE_IKE_QUERY_ASSOCIATION = 6,  /* millrace_ike_which */
  MILLRACE_IKE_ADD_POLICY = 7,         /* millrace_ike_policy */
  MILLRACE_IKE_REMOVE_POLICY = 8,      /* millrace_ike_which_policy */
  MILLRACE_IKE_QUERY_POLICY = 9,       /* millrace_ike_which_policy */
  MILLRACE_IKE_FLUSH_ASSOCIATIONS = 10,
  MILLRACE_IKE_FLUSH_POLICIES = 11,
  MILLRACE_IKE_RESYNC_BEGIN = 12,
  MILLRACE_IKE_RESYNC_END = 13,
  MILLRACE_IKE_TROUBLE = 14, /* millrace_ike_trouble */
  /* To each of them. */
  MILLRACE_IKE_ANSWER = 32,
  /* Events. */
  MILLRACE_IKE_EXPIRED = 64,
  MILLRACE_IKE_ACQUIRE = 65,
  MILLRACE_IKE_MAPPING = 66
};

enum millrace_ike_status {
  MILLRACE_IKE_OK = 0,
  MILLRACE_IKE_REFUSED = 1,   /* by the gateway; the text says why */
  MILLRACE_IKE_MALFORMED = 2, /* the text says what, and where in the message */
  MILLRACE_IKE_BUSY = 3,      /* to a hello: another plugin is connected */
  /* To an association told again: it is not there any more, or its sequence numbers are lost, and with them
   * the certainty that no nonce is used twice (RFC 4106 section 3). It needs new keys. */
  MILLRACE_IKE_STALE = 4
};

enum millrace_ike_mode { MILLRACE_IKE_TUNNEL = 1, MILLRACE_IKE_TRANSPORT = 2 };

enum millrace_ike_cipher {
  MILLRACE_IKE_AES_GCM_128 = 1,
  MILLRACE_IKE_AES_GCM_192 = 2,
  MILLRACE_IKE_AES_GCM_256 = 3,
  MILLRACE_IKE_CHACHA20_POLY1305 = 4,
  MILLRACE_IKE_AES_CBC_128 = 5,
  MILLRACE_IKE_AES_CBC_192 = 6,
  MILLRACE_IKE_AES_CBC_256 = 7,
  MILLRACE_IKE_AES_CTR_128 = 8,
  MILLRACE_IKE_AES_CTR_192 = 9,
  MILLRACE_IKE_AES_CTR_256 = 10,
  MILLRACE_IKE_NULL = 11
};

enum millrace_ike_integrity {
  MILLRACE_IKE_NO_INTEGRITY = 0,
  MILLRACE_IKE_HMAC_SHA1 = 1,
  MILLRACE_IKE_HMAC_SHA256 = 2,
  MILLRACE_IKE_HMAC_SHA384 = 3,
  MILLRACE_IKE_HMAC_SHA512 = 4
};

enum millrace_ike_action { MILLRACE_IKE_PROTECT = 1, MILLRACE_IKE_BYPASS = 2, MILLRACE_IKE_DISCARD = 3 };

/* Bits of `flags`, each in the messages that say so. */
enum millrace_ike_flag {
  MILLRACE_IKE_EXTENDED = 1, /* sequence numbers of 64 bits */
  MILLRACE_IKE_UDP = 2,      /* `udp` counts */
  MILLRACE_IKE_AGAIN = 4,    /* it has been told before, and may have carried packets */
  MILLRACE_IKE_OUTBOUND = 8, /* `outbound` counts */
  MILLRACE_IKE_HARD = 16,    /* the association has ended; without it, it is to be renewed */
  MILLRACE_IKE_UNPROVED = 32 /* one side did not prove who it is */
};

struct MILLRACE_IKE_PACKED millrace_ike_header {
  uint16_t version;
  uint16_t type;
  uint32_t serial; /* of a request, and of its answer */
  uint32_t length; /* bytes, with this header: those of the record */
};

struct MILLRACE_IKE_PACKED millrace_ike_address {
  uint8_t family;    /* 4 or 6 */
  uint8_t bytes[16]; /* an IPv4 address in the first four, the others 0 */
};

/* Something went wrong with a peer. Behind it: what, in words. */
struct MILLRACE_IKE_PACKED millrace_ike_trouble {
  char connection[MILLRACE_IKE_NAME_BYTES]; /* ended by zeros; empty: it is not known whose */
  uint8_t flags;                            /* UNPROVED */
  uint16_t text_bytes;
};

/* An association. */
struct MILLRACE_IKE_PACKED millrace_ike_which {
  uint32_t spi;
  uint8_t outbound;                   /* 0 or 1 */
  struct millrace_ike_address remote; /* the peer, in either direction */
};

struct MILLRACE_IKE_PACKED millrace_ike_udp {
  uint16_t local;
  uint16_t remote;
};

struct MILLRACE_IKE_PACKED millrace_ike_selector {
  struct millrace_ike_address local;
  struct millrace_ike_address remote;
  uint8_t local_length; /* bits */
  uint8_t remote_length;
  uint8_t protocol; /* 0: all */
  uint16_t local_first;
  uint16_t local_last;
  uint16_t remote_first;
  uint16_t remote_last;
};

struct MILLRACE_IKE_PACKED millrace_ike_limit {
  uint64_t soft; /* 0: none */
  uint64_t hard;
};

struct MILLRACE_IKE_PACKED millrace_ike_hello {
  uint32_t process;
  char release[MILLRACE_IKE_RELEASE_BYTES]; /* strongSwan's, "5.9.8", ended by zeros */
};

/* Behind it: the cipher's key with its salt, the hash's key, the selectors. */
struct MILLRACE_IKE_PACKED millrace_ike_association {
  struct millrace_ike_which key;
  struct millrace_ike_address local;
  uint8_t mode;
  uint8_t cipher;
  uint8_t integrity;
  uint8_t flags;   /* EXTENDED, UDP, AGAIN */
  uint32_t window; /* sequence numbers */
  struct millrace_ike_udp udp;
  uint32_t tunnel;    /* strongSwan's reqid */
  uint32_t interface; /* strongSwan's if_id: of the interface whose packets it carries; 0: of policies */
  struct millrace_ike_limit seconds;
  struct millrace_ike_limit bytes;
  struct millrace_ike_limit packets;
  uint8_t cipher_key_bytes;
  uint8_t integrity_key_bytes;
  uint16_t selectors;
};

struct MILLRACE_IKE_PACKED millrace_ike_move {
  struct millrace_ike_which key;
  struct millrace_ike_address local;
  struct millrace_ike_address remote;
  uint8_t flags; /* UDP */
  struct millrace_ike_udp udp;
};

struct MILLRACE_IKE_PACKED millrace_ike_which_policy {
  struct millrace_ike_selector selector;
  uint32_t priority;  /* the lower one goes first */
  uint32_t interface; /* strongSwan's if_id: of the interface whose packets it means; 0: of whatever comes */
};

struct MILLRACE_IKE_PACKED millrace_ike_policy {
  struct millrace_ike_which_policy key;
  uint8_t action;
  uint8_t flags; /* OUTBOUND */
  uint32_t tunnel;
  struct millrace_ike_which outbound;
};

/* Behind it: the text, empty when the status is OK. */
struct MILLRACE_IKE_PACKED millrace_ike_answer {
  uint16_t status;
  uint16_t text_bytes;
  uint32_t spi; /* to ALLOCATE_SPI */
  uint64_t bytes;
  uint64_t packets;
  uint64_t idle_seconds;
};

struct MILLRACE_IKE_PACKED millrace_ike_expired {
  struct millrace_ike_which key;
  uint32_t tunnel;
  uint8_t flags; /* HARD */
};

struct MILLRACE_IKE_PACKED millrace_ike_acquire {
  uint32_t tunnel;
  struct millrace_ike_selector packet;
};

struct MILLRACE_IKE_PACKED millrace_ike_mapping {
  struct millrace_ike_which key;
  uint32_t tunnel;
  struct millrace_ike_address remote; /* the new one */
  uint16_t remote_port;
};

// NOLINTEND(readability-identifier-naming)

#endif
