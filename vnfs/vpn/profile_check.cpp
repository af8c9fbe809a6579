// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/vpn/profile_check.h"

#include <algorithm>
#include <bit>
#include <cctype>
#include <map>
#include <string>

#include <fmt/format.h>
#include <openssl/crypto.h>

#include "common/control/profile/text.h"
#include "vnfs/vpn/check_connections.h"
#include "vnfs/vpn/check_interfaces.h"

namespace millrace::vpn::profile {
namespace {

using control::quote;

constexpr std::size_t kMostKeyFile = 4096;

std::string_view name_of(net::Family family) { return family == net::Family::kIpv4 ? "IPv4" : "IPv6"; }

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

class Checker {
 public:
  Checker(Section& profile, const control::CheckContext& context) : profile_(profile), context_(context) {}

  void run() {
    if (context_.common.transparent())
      error(context_.common.forwarding.at,
            "a VPN gateway needs routes, and transparent forwarding has none; give forwarding: routed");
    check_interfaces(profile_, context_);
    for (Tunnel& tunnel : profile_.tunnels) check_tunnel(tunnel);
    check_connections(profile_, context_);
    for (const Exception& one : profile_.exceptions) check_families(one.local, one.remote);
    if (context_.diagnostics.empty() && profile_.tunnels.empty() && !profile_.key_exchange)
      error(profile_.at, "nothing is protected; give tunnels or key_exchange");
  }

 private:
  void error(Position at, std::string message) { context_.diagnostics.error(at, std::move(message)); }

  bool check_families(const Located<net::Prefix>& local, const Located<net::Prefix>& remote) {
    if (!local.at.known() || !remote.at.known()) return false;
    const net::Family family = local->address.family();
    if (family == remote->address.family()) return true;
    error(remote.at, fmt::format("remote: {} is of {} and local of {}; give two networks of one family",
                                 remote->to_string(), name_of(remote->address.family()), name_of(family)));
    return false;
  }

  void check_tunnel(Tunnel& tunnel) {
    if (tunnel.local.at.known() && !is_own(*tunnel.local, context_.common))
      error(tunnel.local.at,
            fmt::format("local: no interface has the address {}; give one of the gateway's own",
                        tunnel.local->to_string()));
    if (tunnel.local.at.known() && tunnel.remote.at.known() &&
        tunnel.local->family() != tunnel.remote->family())
      error(tunnel.remote.at,
            fmt::format("remote: {} is of {} and local of {}; give two addresses of one family",
                        tunnel.remote->to_string(), name_of(tunnel.remote->family()),
                        name_of(tunnel.local->family())));
    if (!std::has_single_bit(*tunnel.replay_window))
      error(tunnel.replay_window.at,
            fmt::format("replay_window: {} is no power of two; give {}", *tunnel.replay_window,
                        std::bit_ceil(*tunnel.replay_window)));
    if (tunnel.networks.empty() && tunnel.mode == Mode::kTunnel && tunnel.interface == 0 &&
        tunnel.name.at.known())
      error(tunnel.name.at, fmt::format("the tunnel {} carries nothing; give networks", quote(*tunnel.name)));
    for (const Networks& networks : tunnel.networks) check_networks(networks);
    check_keys(tunnel.in);
    check_keys(tunnel.out);
    if (!tunnel.in.spi.at.known()) return;
    const auto [before, is_new] = numbers_.emplace(*tunnel.in.spi, &*tunnel.name);
    if (!is_new)
      error(tunnel.in.spi.at,
            fmt::format("spi: what comes in to the tunnel {} has the number 0x{:x} too; give another",
                        quote(*before->second), *tunnel.in.spi));
  }

  void check_networks(const Networks& networks) {
    check_families(networks.local, networks.remote);
    check_ports(networks, context_.diagnostics);
  }

  void check_keys(Keys& keys) {
    if (!keys.suite.at.known()) return;
    const crypto::SuiteSizes sizes = crypto::sizes_of(*keys.suite);
    if (keys.key.at.known()) check_file(keys.key, "key", std::size_t{sizes.cipher_key} + sizes.salt);
    const bool wanted = keys.suite->integrity != crypto::Integrity::kNone;
    if (wanted && !keys.integrity_key.value)
      return error(keys.at, "the suite has a hash, and its key is missing; give integrity_key");
    if (!wanted && keys.integrity_key.value)
      return error(keys.integrity_key.at,
                   "integrity_key: the cipher has a tag of its own and takes no hash; remove the key");
    if (!wanted) return;
    Located<std::string> file{.value = *keys.integrity_key.value, .at = keys.integrity_key.at};
    check_file(file, "integrity_key", sizes.integrity_key);
    keys.integrity_key.value = *file;
  }

  void check_file(Located<std::string>& file, std::string_view key, std::size_t bytes) {
    auto path = context_.resolve(*file);
    if (!path) return error(file.at, fmt::format("{}: {}", key, path.error().message()));
    file.value = std::move(*path);
    if (const auto secret = read_key(*file, bytes); !secret)
      error(file.at, fmt::format("{}: {}", key, secret.error().message()));
  }

  Section& profile_;
  const control::CheckContext& context_;
  std::map<std::uint32_t, const std::string*> numbers_;
};

}  // namespace

bool is_own(const net::IpAddress& address, const control::Profile& common) {
  return std::ranges::any_of(common.interfaces, [&](const control::Interface& interface) {
    return std::ranges::any_of(interface.address, [&](const auto& own) { return own->address == address; });
  });
}

Result<crypto::Secret> read_key(const std::string& path, std::size_t bytes) {
  auto text = control::read_text_file(path, kMostKeyFile);
  if (!text) return tl::unexpected(std::move(text.error()));
  std::vector<std::uint8_t> key;
  key.reserve(kMostKeyFile);
  std::string_view rest = *text;
  if (rest.starts_with("0x")) rest.remove_prefix(2);
  int high = -1;
  bool clean = true;
  for (const char c : rest) {
    if (std::isspace(static_cast<unsigned char>(c)) != 0) continue;
    const int value = digit(c);
    clean = clean && value >= 0;
    if (high >= 0) key.push_back(static_cast<std::uint8_t>(high << 4 | (value & 0xf)));
    high = high >= 0 ? -1 : value & 0xf;
  }
  clean = clean && high < 0;
  crypto::wipe(*text);
  crypto::Secret secret{Bytes(key)};
  const std::size_t count = key.size();
  OPENSSL_cleanse(key.data(), key.size());
  if (clean && count == bytes) return secret;
  return failure(
      "read the key file " + quote(path),
      clean ? fmt::format("it has {} bytes; give {} hexadecimal digits", count, 2 * bytes)
            : fmt::format("it has something else than hexadecimal digits; give {} of them", 2 * bytes));
}

void check(Section& profile, const control::CheckContext& context) { Checker(profile, context).run(); }

}  // namespace millrace::vpn::profile
