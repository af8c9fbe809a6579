// SPDX-License-Identifier: BSD-3-Clause
#include "common/host/tap.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/net/wire.h"

namespace millrace::host {
namespace {

constexpr const char* kDevice = "/dev/net/tun";

std::string explain_open(int code) {
  if (code == ENOENT || code == ENODEV || code == ENXIO) {
    return fmt::format("{} is missing: load the module tun, or give the container the device", kDevice);
  }
  if (code == EACCES || code == EPERM) return fmt::format("no permission to open {}", kDevice);
  return fmt::format("{}: {}", kDevice, errno_text(code));
}

std::string explain_create(int code, const std::string& name) {
  if (code == EBUSY || code == EEXIST) {
    return fmt::format("a device of that name exists: remove it (ip link delete {}) or choose another name",
                       name);
  }
  if (code == EPERM) return "it needs the capability CAP_NET_ADMIN";
  if (code == EINVAL) return "not a TAP's name, or taken by a device of another kind";
  return errno_text(code);
}

}  // namespace

Result<Tap> Tap::create(const Options& options, Netlink& netlink) {
  const std::string attempt = fmt::format("create the TAP device {}", options.name);
  if (options.name.empty() || options.name.size() >= IFNAMSIZ) {
    return failure(attempt, fmt::format("a name has 1 to {} characters", IFNAMSIZ - 1));
  }
  // The kernel would take it as a pattern and number the device itself.
  if (options.name.find('%') != std::string::npos) return failure(attempt, "a name has no % in it");
  if (options.mac && (options.mac->is_group() || options.mac->is_zero())) {
    return failure(attempt, fmt::format("{} is no address of a single station", options.mac->to_string()));
  }
  const int fd = ::open(kDevice, O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return failure(attempt, explain_open(errno));
  Tap tap(fd, options.name, !options.mac);

  ifreq request{};
  request.ifr_flags = static_cast<short>((options.mac ? IFF_TAP : IFF_TUN) | IFF_NO_PI | IFF_TUN_EXCL);
  options.name.copy(request.ifr_name, IFNAMSIZ - 1);
  if (ioctl(fd, TUNSETIFF, &request) != 0) return failure(attempt, explain_create(errno, options.name));

  const auto link = netlink.link(options.name);
  if (!link) return failure(attempt, link.error().message());
  tap.index_ = link->index;
  if (options.mac) {
    if (auto set = netlink.set_mac(tap.index_, *options.mac); !set)
      return failure(attempt, set.error().message());
  }
  if (auto set = netlink.set_mtu(tap.index_, options.mtu); !set)
    return failure(attempt, set.error().message());
  return tap;
}

Tap::Tap(Tap&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      name_(std::move(other.name_)),
      index_(other.index_),
      bare_(other.bare_),
      gone_(other.gone_) {}

Tap& Tap::operator=(Tap&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(name_, other.name_);
  std::swap(index_, other.index_);
  std::swap(bare_, other.bare_);
  std::swap(gone_, other.gone_);
  return *this;
}

Tap::~Tap() {
  if (fd_ >= 0) ::close(fd_);
}

Error Tap::lost(const char* attempt, int code) {
  // EBADFD once the device is gone, EIO while it is going (tun.c, tun_ring_recv); ENODEV from a lower layer.
  gone_ = code == EBADFD || code == ENODEV || code == EIO;
  return Error{fmt::format("{} the TAP device {}", attempt, name_),
               gone_ ? "the device was removed" : errno_text(code),
               {}};
}

Result<std::optional<std::size_t>> Tap::read(MutableBytes room) {
  const MutableBytes packet = bare_ ? room.subspan(sizeof(net::EthernetHeader)) : room;
  while (true) {
    const ssize_t got = ::read(fd_, packet.data(), packet.size());
    if (got > 0 && bare_) {
      const bool ipv4 = packet[0] >> 4U == 4;
      const net::EthernetHeader link{.destination = {},
                                     .source = {},
                                     .type = be16(ipv4 ? net::ether_type::kIpv4 : net::ether_type::kIpv6)};
      std::memcpy(room.data(), &link, sizeof link);
    }
    if (got >= 0) return std::optional(static_cast<std::size_t>(got) + room.size() - packet.size());
    if (errno == EINTR) continue;
    if (errno == EAGAIN) return std::optional<std::size_t>{};
    return tl::unexpected(lost("read from", errno));
  }
}

Result<bool> Tap::write(Bytes frame) {
  const Bytes packet = bare_ ? frame.subspan(std::min(frame.size(), sizeof(net::EthernetHeader))) : frame;
  while (true) {
    if (::write(fd_, packet.data(), packet.size()) >= 0) return true;
    switch (errno) {
      case EINTR:
        continue;
      case EIO:     // the device is down
      case EINVAL:  // shorter than its header
      case EAGAIN:
      case ENOMEM:
      case ENOBUFS:
        return false;
      default:
        return tl::unexpected(lost("write to", errno));
    }
  }
}

Result<void> Tap::set_carrier(bool on) {
  int carrier = on ? 1 : 0;
  if (ioctl(fd_, TUNSETCARRIER, &carrier) == 0) return {};
  return tl::unexpected(lost(on ? "raise the carrier of" : "drop the carrier of", errno));
}

}  // namespace millrace::host
