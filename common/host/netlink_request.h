// SPDX-License-Identifier: BSD-3-Clause
// A netlink request being written: fixed room, and a flag instead of an overflow. Used by the .cpp files of
// this room.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include "common/base/reader.h"
#include "common/net/address.h"

namespace millrace::host {

[[nodiscard]] inline std::uint8_t address_family(const net::IpAddress& address) noexcept {
  return address.is_v4() ? AF_INET : AF_INET6;
}

[[nodiscard]] inline Bytes address_bytes(const net::IpAddress& address) noexcept {
  return Bytes(address.bytes()).first(address.bits() / 8);
}

class NetlinkRequest {
 public:
  // Room for a route of 100 next hops.
  static constexpr std::size_t kRoom = 4096;

  NetlinkRequest(std::uint16_t type, unsigned flags) noexcept
      : message_(mnl_nlmsg_put_header(buffer_.data())) {
    message_->nlmsg_type = type;
    message_->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  }
  NetlinkRequest(const NetlinkRequest&) = delete;
  NetlinkRequest& operator=(const NetlinkRequest&) = delete;

  // The family's fixed header, zeroed; once, before any attribute.
  template <class Header>
  Header& header() noexcept {
    return *static_cast<Header*>(mnl_nlmsg_put_extra_header(message_, sizeof(Header)));
  }

  void put(std::uint16_t type, Bytes value) noexcept {
    if (!mnl_attr_put_check(message_, kRoom, type, value.size(), value.data())) overflow_ = true;
  }
  void put(std::uint16_t type, const net::IpAddress& address) noexcept { put(type, address_bytes(address)); }
  void put_u8(std::uint16_t type, std::uint8_t value) noexcept { put(type, Bytes(&value, 1)); }
  void put_u32(std::uint16_t type, std::uint32_t value) noexcept {
    put(type, Bytes(reinterpret_cast<const std::uint8_t*>(&value), sizeof value));
  }
  void put_text(std::uint16_t type, std::string_view text) noexcept {
    if (!mnl_attr_put_strz_check(message_, kRoom, type, std::string(text).c_str())) overflow_ = true;
  }

  // Bytes that follow the last attribute and belong to the enclosing one; null when there is no room.
  [[nodiscard]] void* append(std::size_t size) noexcept {
    if (message_->nlmsg_len + MNL_ALIGN(size) > kRoom) {
      overflow_ = true;
      return nullptr;
    }
    void* tail = mnl_nlmsg_get_payload_tail(message_);
    std::memset(tail, 0, MNL_ALIGN(size));
    message_->nlmsg_len += static_cast<std::uint32_t>(MNL_ALIGN(size));
    return tail;
  }

  // Wraps the attributes that `body` puts.
  template <class Body>
  void nest(std::uint16_t type, Body body) noexcept {
    nlattr* start = mnl_attr_nest_start_check(message_, kRoom, type);
    if (start == nullptr) {
      overflow_ = true;
      return;
    }
    body();
    mnl_attr_nest_end(message_, start);
  }

  [[nodiscard]] bool overflow() const noexcept { return overflow_; }
  [[nodiscard]] nlmsghdr& message() noexcept { return *message_; }
  [[nodiscard]] std::uint32_t size() const noexcept { return message_->nlmsg_len; }

 private:
  alignas(8) std::array<std::uint8_t, kRoom> buffer_{};
  nlmsghdr* message_;
  bool overflow_ = false;
};

}  // namespace millrace::host
