// SPDX-License-Identifier: BSD-3-Clause
// What the two directions of an HTTP/1 connection have to know of each other: an answer to HEAD has no body
// (RFC 9112 section 6.3), and one to CONNECT, or an upgrade, ends HTTP.
#pragma once

#include <cstdint>
#include <limits>
#include <type_traits>

namespace millrace::firewall::inspection {

enum class HttpMethod : std::uint8_t {
  kOther,
  kHead,
  kConnect,
  kOld,  // a request line without a version: the answer is a body alone
};

// The requests that wait for their answers, in order. Past kMostWaiting of them the methods of more are not
// kept, until all that are waiting have been answered: they count as kOther. All zeros: none.
class HttpExchange {
 public:
  static constexpr unsigned kMostWaiting = 32;

  // False when its method is not kept.
  [[nodiscard]] bool asked(HttpMethod method) noexcept {
    if (forgotten_ != 0 || waiting_ == kMostWaiting) {
      forgotten_ += forgotten_ < std::numeric_limits<std::uint32_t>::max() ? 1U : 0U;
      return false;
    }
    methods_ |= static_cast<std::uint64_t>(method) << (2U * waiting_++);
    return true;
  }

  [[nodiscard]] bool any_waits() const noexcept { return waiting_ != 0 || forgotten_ != 0; }
  // Of the request that the next answer is to.
  [[nodiscard]] HttpMethod next() const noexcept { return static_cast<HttpMethod>(methods_ & 3U); }
  void answered() noexcept {
    if (waiting_ != 0) {
      --waiting_;
      methods_ >>= 2U;
    } else if (forgotten_ != 0) {
      --forgotten_;
    }
  }
  // Whether the request that came last asks for a tunnel and has no answer yet.
  [[nodiscard]] bool tunnel_asked() const noexcept {
    return forgotten_ == 0 && waiting_ != 0 &&
           static_cast<HttpMethod>(methods_ >> (2U * (waiting_ - 1U)) & 3U) == HttpMethod::kConnect;
  }

  // What follows is no HTTP any more.
  void switch_protocol() noexcept { switched_ = true; }
  [[nodiscard]] bool switched() const noexcept { return switched_; }

 private:
  std::uint64_t methods_ = 0;  // two bits each, the oldest lowest
  std::uint32_t forgotten_ = 0;
  std::uint8_t waiting_ = 0;
  bool switched_ = false;
};
static_assert(std::is_trivially_copyable_v<HttpExchange> && sizeof(HttpExchange) == 16);

}  // namespace millrace::firewall::inspection
