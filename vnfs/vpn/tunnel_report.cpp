// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/vpn/tunnel_report.h"

#include <algorithm>
#include <boost/json.hpp>
#include <ctime>
#include <map>
#include <optional>
#include <set>

#include "common/control/profile/profile.h"
#include "vnfs/vpn/association_json.h"
#include "vnfs/vpn/compile_policy.h"

namespace millrace::vpn {
namespace {

using boost::json::array;
using boost::json::object;

object use_of(const Use& use) { return {{"packets", use.packets.read()}, {"bytes", use.bytes.read()}}; }

// Of the direction in which the last packet went.
std::optional<std::uint64_t> idle_seconds(const Inbound* in, const Outbound* out, Tick now) {
  std::optional<std::uint64_t> idle;
  const auto look = [&](const Use& use) {
    const auto last = static_cast<Tick>(use.last_tick.read());
    if (last == 0) return;
    const std::uint64_t seconds = tick_after(last, now) ? 0 : (now - last) / 1000;
    idle = std::min(idle.value_or(seconds), seconds);
  };
  if (in != nullptr) look(in->state->use);
  if (out != nullptr) look(out->state->use);
  return idle;
}

object pair_of(const Inbound* in, const Outbound* out, Tick now) {
  object pair;
  if (in != nullptr) {
    pair["suite"] = suite_name(in->state->key->suite());
    pair["spi_in"] = spi_text(in->spi);
    pair["in"] = use_of(in->state->use);
  }
  if (out != nullptr) {
    pair["suite"] = suite_name(out->state->key->suite());
    pair["spi_out"] = spi_text(out->key.spi);
    pair["out"] = use_of(out->state->use);
  }
  const auto idle = idle_seconds(in, out, now);
  pair["idle_s"] = idle ? boost::json::value(*idle) : nullptr;
  return pair;
}

struct Pair {
  const Inbound* in = nullptr;
  const Outbound* out = nullptr;
};

// Of tunnels with keys of the profile, by their number.
std::map<std::uint32_t, Pair> pairs_of_profile(const Associations& in_force) {
  std::map<std::uint32_t, Pair> pairs;
  for (const auto& one : *in_force.content().inbound)
    if (one->tunnel >= kFirstProfileTunnel) pairs[one->tunnel].in = one.get();
  for (const auto& one : *in_force.content().outbound)
    if (one->tunnel >= kFirstProfileTunnel) pairs[one->tunnel].out = one.get();
  return pairs;
}

// One whose keys the profile names stands as long as the profile does.
object of_profile(const std::string& name, const Pair& pair, Tick now) {
  const bool stands = pair.in != nullptr && pair.out != nullptr;
  object tunnel{{"name", name}, {"keys", "profile"}, {"state", stands ? "up" : "down"}};
  array peers;
  if (stands) {
    peers.push_back({{"remote", pair.out->key.remote.to_string()},
                     {"local", pair.out->local.to_string()},
                     {"pairs", array{pair_of(pair.in, pair.out, now)}}});
  }
  tunnel["peers"] = std::move(peers);
  return tunnel;
}

object peer_of(const Associations& in_force, const IkeSa& sa, Tick now) {
  const auto age =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - sa.since);
  object peer{{"remote", sa.remote}, {"local", sa.local},        {"identity", sa.remote_id},
              {"state", sa.state},   {"key_exchange", sa.suite}, {"since_s", age.count()}};
  if (!sa.addresses.empty()) peer["addresses"] = array(sa.addresses.begin(), sa.addresses.end());
  array pairs;
  const auto remote = net::IpAddress::parse(sa.remote);
  for (const ChildSa& child : sa.children) {
    if (child.state == "DELETED" || child.state == "DELETING") continue;
    object pair =
        pair_of(in_force.find(child.spi_in), remote ? in_force.find(child.spi_out, *remote) : nullptr, now);
    pair["name"] = child.name;
    pair["state"] = child.state;
    pairs.push_back(std::move(pair));
  }
  peer["pairs"] = std::move(pairs);
  return peer;
}

using SasByConnection = std::map<std::string, std::vector<const IkeSa*>, std::less<>>;

object of_charon(const Associations& in_force, const std::string& name, const SasByConnection& sas,
                 const CharonControl& charon, Tick now) {
  array peers;
  bool up = false;
  if (const auto found = sas.find(name); found != sas.end()) {
    for (const IkeSa* sa : found->second) {
      up = up || sa->state == "ESTABLISHED";
      peers.push_back(peer_of(in_force, *sa, now));
    }
  }
  object tunnel{
      {"name", name}, {"keys", "key exchange"}, {"state", up ? "up" : "down"}, {"peers", std::move(peers)}};
  const auto log = charon.logs().find(name);
  tunnel["renewals"] = log == charon.logs().end() ? 0 : log->second.renewals;
  if (log == charon.logs().end()) return tunnel;
  if (log->second.trouble.empty()) return tunnel;
  tunnel["trouble"] = log->second.trouble;
  tunnel["trouble_age_s"] = std::time(nullptr) - log->second.troubled_at;
  return tunnel;
}

void add_connections(const Associations& in_force, const CharonControl& charon, Tick now, array& all) {
  SasByConnection sas;
  for (const auto& [id, sa] : charon.ike_sas()) sas[sa.connection].push_back(&sa);
  std::set<std::string> names;
  for (const auto& [name, always] : charon.connections()) {
    names.insert(name);
    all.push_back(of_charon(in_force, name, sas, charon, now));
  }
  // Others may tell charon too, and peers that nobody knows may fail.
  std::set<std::string> others;
  for (const auto& [name, of_it] : sas) others.insert(name);
  for (const auto& [name, log] : charon.logs()) others.insert(name);
  for (const std::string& name : others)
    if (!names.contains(name)) all.push_back(of_charon(in_force, name, sas, charon, now));
}

// Of those that have one of their own.
void add_interfaces(const core::Network& network, array& tunnels) {
  std::map<std::uint32_t, std::string_view> names;
  for (const core::Interface& interface : network.interfaces)
    if (interface.tunnel != 0 && interface.up) names[interface.tunnel] = interface.name;
  for (boost::json::value& tunnel : tunnels) {
    const auto found = names.find(control::tunnel_number(tunnel.at("name").as_string()));
    if (found != names.end()) tunnel.as_object()["interface"] = found->second;
  }
}

}  // namespace

array tunnel_report(const Associations& in_force, const core::Network& network,
                    const std::vector<std::string>& profile_tunnels, const CharonControl* charon, Tick now) {
  array all;
  const auto pairs = pairs_of_profile(in_force);
  std::uint32_t number = kFirstProfileTunnel;
  for (const std::string& name : profile_tunnels) {
    const auto found = pairs.find(number++);
    all.push_back(of_profile(name, found == pairs.end() ? Pair{} : found->second, now));
  }
  if (charon != nullptr) add_connections(in_force, *charon, now, all);
  add_interfaces(network, all);
  return all;
}

}  // namespace millrace::vpn
