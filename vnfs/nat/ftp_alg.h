// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "vnfs/nat/alg.h"

namespace millrace::nat {

// FTP's control connection, RFC 959 and RFC 2428: what the inside host says of its own data port is said of
// an outside one, and the other end is let in to it. What names another host passes as it is and opens
// nothing (RFC 2577 section 2).
[[nodiscard]] AlgVerdict read_ftp(const AlgContext& context, PayloadEditor& editor) noexcept;

}  // namespace millrace::nat
