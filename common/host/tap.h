// SPDX-License-Identifier: BSD-3-Clause
// A TAP device: the kernel's end of a routed interface. Ethernet frames, no headers before them. Where the
// interface is a tunnel, a TUN device, whose frames get a link header here. The device lives as long as this
// object. One thread; never waits. See Linux Documentation/networking/tuntap.rst.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/base/reader.h"
#include "common/base/result.h"
#include "common/host/netlink.h"
#include "common/host/types.h"
#include "common/net/address.h"

namespace millrace::host {

class Tap {
 public:
  struct Options {
    std::string name;                    // 1 to 15 characters
    std::optional<net::MacAddress> mac;  // nothing: a TUN device, point to point
    // Of the IP packet; below 1280 the kernel switches IPv6 off (RFC 8200 section 5).
    std::uint16_t mtu = 1500;
  };

  // Creates the device in the thread's network namespace, down, with a carrier. A device of that name must
  // not exist.
  [[nodiscard]] static Result<Tap> create(const Options& options, Netlink& netlink);

  Tap(Tap&& other) noexcept;
  Tap& operator=(Tap&& other) noexcept;
  ~Tap();

  [[nodiscard]] int fd() const noexcept { return fd_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] LinkIndex index() const noexcept { return index_; }

  // The length of the next frame the kernel sends, or nothing when none waits. A frame longer than the room
  // is cut.
  [[nodiscard]] Result<std::optional<std::size_t>> read(MutableBytes room);
  // Hands a frame to the kernel; false when it did not take it: the device is down, or there is no memory.
  [[nodiscard]] Result<bool> write(Bytes frame);
  // Somebody deleted the device: each read and write fails from now on. Drop this object and create another.
  [[nodiscard]] bool gone() const noexcept { return gone_; }

  // Shows the state of the data port's link to the kernel and to the daemons that watch it.
  [[nodiscard]] Result<void> set_carrier(bool on);

 private:
  Tap(int fd, std::string name, bool bare) : fd_(fd), name_(std::move(name)), bare_(bare) {}
  Error lost(const char* attempt, int code);

  int fd_ = -1;
  std::string name_;
  LinkIndex index_;
  bool bare_ = false;  // the kernel's packets have no link header
  bool gone_ = false;
};

}  // namespace millrace::host
