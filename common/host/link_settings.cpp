// SPDX-License-Identifier: BSD-3-Clause
#include "common/host/link_settings.h"

#include <array>
#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace millrace::host {
namespace {

// True when the setting already has the value, as in a container prepared from outside.
bool has_value(const std::string& path, std::string_view value) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  std::array<char, 32> text{};
  const ssize_t got = ::read(fd, text.data(), text.size());
  ::close(fd);
  if (got <= 0) return false;
  std::string_view found(text.data(), static_cast<std::size_t>(got));
  while (!found.empty() && found.back() == '\n') found.remove_suffix(1);
  return found == value;
}

}  // namespace

const std::vector<LinkSetting>& twin_settings() {
  static const std::vector<LinkSetting> kSettings = {
      // By default Linux answers ARP on any link for any of its addresses: two twins on one LAN both would.
      {"ipv4", "arp_ignore", "1"},
      {"ipv4", "arp_announce", "2"},
      {"ipv4", "accept_redirects", "0"},
      {"ipv4", "send_redirects", "0"},
      // The data path forwards; the kernel must not do it behind its back.
      {"ipv4", "forwarding", "0"},
      // A next hop on a port without link is no next hop; the mirror then shows the rest.
      {"ipv4", "ignore_routes_with_linkdown", "1"},
      {"ipv6", "ignore_routes_with_linkdown", "1"},
      // Neighbour advertisements of a router carry the R flag (RFC 4861 section 4.4), or hosts that learnt it
      // from an advertisement forget it. Real forwarding needs conf/all/forwarding too, which stays as it is.
      {"ipv6", "forwarding", "1"},
      {"ipv6", "accept_ra", "0"},
      {"ipv6", "autoconf", "0"},
      {"ipv6", "router_solicitations", "0"},
      {"ipv6", "accept_redirects", "0"},
      {"ipv6", "keep_addr_on_down", "1"},
  };
  return kSettings;
}

std::vector<Error> apply_twin_settings(std::string_view link_name) {
  std::vector<Error> failed;
  for (const LinkSetting& setting : twin_settings()) {
    const std::string path =
        fmt::format("/proc/sys/net/{}/conf/{}/{}", setting.family, link_name, setting.name);
    if (has_value(path, setting.value)) continue;
    const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) continue;
    const bool written = fd >= 0 && ::write(fd, setting.value.data(), setting.value.size()) ==
                                        static_cast<ssize_t>(setting.value.size());
    const int code = errno;
    if (fd >= 0) ::close(fd);
    if (!written) {
      failed.push_back(Error{
          fmt::format("set net.{}.conf.{}.{} to {}", setting.family, link_name, setting.name, setting.value),
          errno_text(code),
          {}});
    }
  }
  return failed;
}

}  // namespace millrace::host
