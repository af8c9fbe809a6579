// SPDX-License-Identifier: BSD-3-Clause
// What a DNS message begins with (RFC 1035 section 4.1.1).
#pragma once

#include "common/base/big_endian.h"

namespace millrace::firewall::inspection {

struct DnsHeader {
  be16 id;
  be16 flags;
  be16 questions;
  be16 answers;
  be16 authorities;
  be16 additional;
};
static_assert(sizeof(DnsHeader) == 12);

}  // namespace millrace::firewall::inspection
