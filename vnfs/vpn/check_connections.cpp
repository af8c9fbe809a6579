// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/vpn/check_connections.h"

#include <algorithm>
#include <bit>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "common/control/profile/text.h"
#include "vnfs/vpn/profile_check.h"
#include "vnfs/vpn/proposals.h"

namespace millrace::vpn::profile {
namespace {

using control::quote;

constexpr std::size_t kMostFile = 60000;  // what fits a message to charon

template <class T>
std::vector<std::string> names_of(const std::vector<T>& all) {
  std::vector<std::string> names;
  names.reserve(all.size());
  for (const T& one : all) names.push_back(*one.name);
  return names;
}

class ConnectionChecker {
 public:
  ConnectionChecker(Section& profile, const control::CheckContext& context)
      : profile_(profile),
        context_(context),
        pools_(names_of(profile.pools)),
        authorities_(names_of(profile.authorities)) {}

  void run() {
    for (Connection& one : profile_.connections) check_connection(one);
    for (Authority& one : profile_.authorities) check_file(one.certificate, "certificate", true);
    for (User& one : profile_.users) check_file(one.secret, "secret", false);
    for (const Pool& one : profile_.pools) check_pool(one);
    if (!profile_.connections.empty() && !profile_.key_exchange)
      error(profile_.connections.front().name.at,
            "connections need strongSwan's charon; give key_exchange: {}, and start charon");
  }

 private:
  void error(Position at, std::string message) { context_.diagnostics.error(at, std::move(message)); }

  void check_connection(Connection& one) {
    if (!one.authentication.at.known()) return;  // something else is wrong, and was told
    if (one.local.value && !is_own(**one.local, context_.common))
      error(one.local.at, fmt::format("local: no interface has the address {}; give one of the gateway's own",
                                      (*one.local)->to_string()));
    check_authentication(one);
    for (const auto& proposal : one.ike_proposals) check_proposal(proposal, ProposalKind::kIke);
    for (const auto& proposal : one.esp_proposals) check_proposal(proposal, ProposalKind::kEsp);
    for (const auto& name : one.pools) check_name("the pool", name, pools_);
    for (const auto& name : one.authorities) check_name("the authority", name, authorities_);
    if (one.remote.empty() && one.start != Start::kPeer)
      error(one.name.at,
            fmt::format("nobody says where the peer of {} is, so that it has to begin; give remote, or "
                        "start: peer",
                        quote(*one.name)));
    if (*one.parallel > 1 && one.start == Start::kTraffic)
      error(one.parallel.at,
            "parallel: a packet asks for one pair of associations; give start: always, or peer");
    if (!std::has_single_bit(*one.replay_window))
      error(one.replay_window.at, fmt::format("replay_window: {} is no power of two; give {}",
                                              *one.replay_window, std::bit_ceil(*one.replay_window)));
    for (const Protected& networks : one.networks) check_networks(networks);
  }

  void check_authentication(Connection& one) {
    const bool shared = *one.authentication == Authentication::kSecret;
    if (shared && !one.secret.value)
      return error(one.authentication.at, "authentication: the secret is missing; give secret: FILE");
    if (!shared && (!one.certificate.value || !one.key.value))
      return error(
          one.authentication.at,
          "authentication: this gateway has to show a certificate; give certificate: FILE and key: FILE");
    if (*one.authentication == Authentication::kEapMschapv2 && profile_.users.empty())
      error(one.authentication.at, "authentication: nobody has a password; give users");
    check_optional(one.secret, "secret", false);
    check_optional(one.certificate, "certificate", true);
    check_optional(one.key, "key", true);
  }

  void check_proposal(const Located<std::string>& proposal, ProposalKind kind) {
    if (auto fault = fault_of_proposal(*proposal, kind))
      error(proposal.at, fmt::format("{}: {}", quote(*proposal), *fault));
  }

  void check_name(std::string_view kind, const Located<std::string>& name,
                  const std::vector<std::string>& all) {
    if (std::ranges::find(all, *name) == all.end()) error(name.at, control::undefined(kind, *name, all));
  }

  void check_networks(const Protected& networks) {
    if (networks.local && networks.remote &&
        networks.local->address.family() != networks.remote->address.family())
      error(networks.at, fmt::format("{} and {} are of two families; give two networks of one",
                                     networks.local->to_string(), networks.remote->to_string()));
    check_ports(networks, context_.diagnostics);
  }

  void check_pool(const Pool& one) {
    if (!one.addresses.at.known()) return;
    std::vector<net::Prefix> prefixes;
    std::string wrong;
    if (!control::parse_addresses(*one.addresses, prefixes, wrong))
      error(one.addresses.at, fmt::format("addresses: {} {}; give a prefix or a range of addresses",
                                          quote(*one.addresses), wrong));
  }

  void check_optional(Located<std::optional<std::string>>& file, std::string_view key, bool pem) {
    if (!file.value) return;
    Located<std::string> one{.value = *file.value, .at = file.at};
    check_file(one, key, pem);
    file.value = *one;
  }

  void check_file(Located<std::string>& file, std::string_view key, bool pem) {
    if (!file.at.known()) return;
    auto path = context_.resolve(*file);
    if (!path) return error(file.at, fmt::format("{}: {}", key, path.error().message()));
    file.value = std::move(*path);
    auto text = control::read_text_file(*file, kMostFile);
    if (!text) return error(file.at, fmt::format("{}: {}", key, text.error().message()));
    if (pem && text->find("-----BEGIN ") == std::string::npos)
      error(file.at, fmt::format("{}: {} has nothing in PEM form; give a file with -----BEGIN in it", key,
                                 quote(*file)));
    if (!pem && text->find_first_not_of(" \t\r\n") == std::string::npos)
      error(file.at, fmt::format("{}: {} is empty; give a line of text", key, quote(*file)));
    crypto::wipe(*text);
  }

  Section& profile_;
  const control::CheckContext& context_;
  std::vector<std::string> pools_;
  std::vector<std::string> authorities_;
};

}  // namespace

void check_connections(Section& profile, const control::CheckContext& context) {
  ConnectionChecker(profile, context).run();
}

}  // namespace millrace::vpn::profile
