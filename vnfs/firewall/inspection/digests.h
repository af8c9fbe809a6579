// SPDX-License-Identifier: BSD-3-Clause
// MD5 and SHA-1 of what is on the wire, as names and not for safety. One worker's; memory is taken when it is
// made.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "common/base/reader.h"

struct evp_md_ctx_st;

namespace millrace::firewall::inspection {

class Digests {
 public:
  // Throws std::bad_alloc.
  Digests();

  // False when the library does not do it (MD5 is off in FIPS mode).
  [[nodiscard]] bool md5(Bytes bytes, std::array<std::uint8_t, 16>& out) noexcept;
  [[nodiscard]] bool sha1(Bytes bytes, std::array<std::uint8_t, 20>& out) noexcept;

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const noexcept;
  };
  using Context = std::unique_ptr<evp_md_ctx_st, Free>;

  [[nodiscard]] static bool run(evp_md_ctx_st* context, Bytes bytes, std::uint8_t* out) noexcept;

  Context md5_;
  Context sha1_;
  bool has_md5_ = false;
  bool has_sha1_ = false;
};

}  // namespace millrace::firewall::inspection
