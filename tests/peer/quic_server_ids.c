/* SPDX-License-Identifier: BSD-3-Clause
 *
 * To be preloaded into a QUIC server that draws its connection ids at random (ngtcp2's example server): the ids begin as
 * draft-ietf-quic-load-balancers asks, with the three bits of the configuration and the server's id, as the environment
 * gives them: QUIC_CONFIG=1 QUIC_SERVER_ID=0000b1. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONNECTION_ID_BYTES = 18 }; /* of that server; it draws nothing else of this length */

int gnutls_rnd(int level, void* data, size_t length);

int gnutls_rnd(int level, void* data, size_t length) {
  int (*draw)(int, void*, size_t) = NULL;
  *(void**)&draw = dlsym(RTLD_NEXT, "gnutls_rnd");
  const int result = draw(level, data, length);
  const char* digits = getenv("QUIC_SERVER_ID");
  const char* config = getenv("QUIC_CONFIG");
  if (result != 0 || length != CONNECTION_ID_BYTES || digits == NULL || config == NULL) return result;
  unsigned char* bytes = data;
  bytes[0] = (unsigned char)(atoi(config) << 5 | (CONNECTION_ID_BYTES - 1));
  for (size_t i = 0; i < strlen(digits) / 2; ++i) {
    unsigned byte = 0;
    if (sscanf(digits + 2 * i, "%2x", &byte) == 1) bytes[1 + i] = (unsigned char)byte;
  }
  return result;
}
