// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/vpn/profile_connections.h"

#include "common/control/profile/types.h"
#include "vnfs/vpn/profile_check.h"

namespace millrace::vpn::profile {
namespace {

using control::absent_means;
using control::boolean;
using control::choice;
using control::integer;
using control::kRequired;
using control::MapType;
using control::name;
using control::string;
using control::Struct;

constexpr std::size_t kMostPath = 4095;
constexpr std::uint64_t kMostLimit = std::uint64_t{1} << 62;

control::TypePtr<std::string> path() { return string("the path of a file", kMostPath); }

Table<Protected> protected_networks() {
  auto table = std::make_shared<Struct<Protected>>("networks of a connection",
                                                   "What one pair of associations carries.");
  table->position(&Protected::at);
  table->field("local", &Protected::local, control::prefix(), "On the gateway's own side.",
               absent_means("the gateway's own address"));
  table->field("remote", &Protected::remote, control::prefix(), "Behind the peer.",
               absent_means("the peer's own address, or the one it gets from a pool"));
  table->field("protocol", &Protected::protocol, integer<std::uint8_t>(1, 255), "Number of an IP protocol.",
               absent_means("all"));
  table->field("local_ports", &Protected::local_ports, control::ports(), "Ports on the gateway's own side.",
               absent_means("all"));
  table->field("remote_ports", &Protected::remote_ports, control::ports(), "Ports behind the peer.",
               absent_means("all"));
  return table;
}

Table<Renewal> renewal() {
  auto table = std::make_shared<Struct<Renewal>>(
      "renewal",
      "When keys are made anew. The new ones are there before the old ones go, so that no packet is lost.");
  const auto time = control::duration(std::chrono::seconds(5), std::chrono::hours(24 * 7));
  const auto limit = control::count(1000, kMostLimit);
  table->field("keys", &Renewal::keys, time, "Age of a tunnel's keys.");
  table->field("bytes", &Renewal::bytes, limit, "Bytes by a tunnel's keys.", absent_means("no limit"));
  table->field("packets", &Renewal::packets, limit, "Packets by a tunnel's keys.", absent_means("no limit"));
  table->field("exchange", &Renewal::exchange, time, "Age of the keys of the key exchange itself.");
  table->field("authentication", &Renewal::authentication, time,
               "Time after which both prove again who they are.", absent_means("never"));
  return table;
}

void add_authentication(Struct<Connection>& table) {
  table.field("authentication", &Connection::authentication,
              choice<Authentication>(
                  {{"secret", Authentication::kSecret, "both by a secret that they share"},
                   {"certificate", Authentication::kCertificate, "both by certificates (X.509)"},
                   {"eap-tls", Authentication::kEapTls,
                    "the peer by a certificate in EAP-TLS, the gateway by a certificate"},
                   {"eap-mschapv2", Authentication::kEapMschapv2,
                    "the peer by a password of `users` in EAP-MSCHAPv2, the gateway by a certificate"}}),
              "How both prove who they are.", kRequired);
  table.field("identity", &Connection::identity, string("an identity, such as gw.example.net"),
              "Who this gateway says it is: a name, an address, or the subject of its certificate.",
              absent_means("the subject of `certificate`, or the address"));
  table.field("peer", &Connection::peer, string("an identity, such as branch.example.net"),
              "Who the peer has to be; `*` stands for any part of it.",
              absent_means("with `secret`, its address; else anyone whom `authorities` know"));
  table.field("secret", &Connection::secret, path(), "File with the secret of both: a line of text.",
              absent_means("none"));
  table.field("certificate", &Connection::certificate, path(),
              "File with this gateway's certificate and those between it and its authority (PEM).",
              absent_means("none"));
  table.field("key", &Connection::key, path(), "File with the certificate's private key (PEM).",
              absent_means("none"));
  table.field("authorities", &Connection::authorities, name("an authority's name"),
              "Authorities that may have signed the peer's certificate.", absent_means("all"));
  table.field("strict_revocation", &Connection::strict_revocation, boolean(),
              "Whether a peer is refused when nobody can tell if its certificate was revoked.");
}

Table<Connection> connection() {
  auto table = std::make_shared<Struct<Connection>>("connection",
                                                    "A peer, or many alike, whose tunnels charon makes.");
  table->field("local", &Connection::local, control::ip_address(),
               "Address of this gateway: one of an interface.", absent_means("any of its own"));
  table->field("remote", &Connection::remote, string("an address, a prefix or a host name"),
               "Where the peer is.", absent_means("anywhere, so that the peer begins"));
  add_authentication(*table);
  table->field(
      "networks", &Connection::networks, protected_networks(),
      "What its tunnels carry; each has its own pair of associations. Packets between two networks that are "
      "given here go by no other way, also while there is no tunnel, unless it has an interface of its own.",
      absent_means("what both say to each other; with an interface of its own whatever the routes send "
                   "there"));
  table->field("pools", &Connection::pools, name("a pool's name"), "Pools that peers get addresses of.",
               absent_means("none"));
  table->field("mode", &Connection::mode,
               choice<Mode>({{"tunnel", Mode::kTunnel, "whole datagrams of networks behind the gateways"},
                             {"transport", Mode::kTransport, "what the two gateways say to each other"}}),
               "What is sealed (RFC 4301 section 3.2).");
  table->field(
      "parallel", &Connection::parallel, integer<std::uint16_t>(1, kMostSharers),
      "How many pairs of associations share the packets of each of `networks`, by their flows: one has "
      "its packets sealed by one worker.");
  table->field("start", &Connection::start,
               choice<Start>({{"peer", Start::kPeer, "when the peer begins"},
                              {"traffic", Start::kTraffic, "with the first packet for it"},
                              {"always", Start::kAlways, "at once, and again when they are gone"}}),
               "When its tunnels are made.");
  table->field("ike_proposals", &Connection::ike_proposals,
               string("a proposal, such as aes256gcm16-prfsha384-ecp384"),
               "What the key exchange itself may be sealed with, best first, in strongSwan's words.");
  table->field("esp_proposals", &Connection::esp_proposals,
               string("a proposal, such as aes256gcm16-ecp384-esn"),
               "What packets may be sealed with, best first, in strongSwan's words.");
  table->field("renewal", &Connection::renewal, renewal(), "When keys are made anew.");
  table->field(
      "dead_peer_check", &Connection::dead_peer_check,
      control::duration(std::chrono::seconds(1), std::chrono::hours(1)),
      "A peer that was not heard for this long is asked whether it lives (RFC 7296 section 2.4); one that "
      "does not answer loses its tunnels.");
  table->field("mobike", &Connection::mobike, boolean(),
               "Whether a tunnel goes on when the address of an end changes (RFC 4555).");
  table->field("force_udp", &Connection::force_udp, boolean(),
               "ESP in UDP even where no NAT is on the way (RFC 3948).");
  table->field("replay_window", &Connection::replay_window,
               integer<std::uint32_t>(ReplayBounds::kLeast, ReplayBounds::kMost),
               "How many packets late one may come, and still be told from a copy: a power of two.");
  return table;
}

Table<Pool> pool() {
  auto table =
      std::make_shared<Struct<Pool>>("pool", "Addresses that peers are given (RFC 7296 section 2.19).");
  table->field("addresses", &Pool::addresses,
               string("a prefix or a range, such as 10.9.0.0/24 or 10.9.0.10-10.9.0.99"),
               "The addresses. Packets for them have to come to this gateway.", kRequired);
  table->field("dns", &Pool::dns, control::ip_address(), "Name servers that peers are told.",
               absent_means("none"));
  table->field("split", &Pool::split, control::prefix(),
               "Networks that peers reach by the tunnel, told to those who ask; all else goes past it.",
               absent_means("not told: the connection's `networks` say it"));
  return table;
}

Table<Authority> authority() {
  auto table = std::make_shared<Struct<Authority>>("authority", "Who signs certificates of peers.");
  table->field("certificate", &Authority::certificate, path(), "File with its certificate (PEM).", kRequired);
  table->field("crl", &Authority::crl, string("a URI, such as http://pki.example.net/ca.crl"),
               "Where its lists of revoked certificates are, beside what certificates say.",
               absent_means("none"));
  table->field("ocsp", &Authority::ocsp, string("a URI, such as http://ocsp.example.net"),
               "Where it answers if a certificate was revoked, beside what certificates say.",
               absent_means("none"));
  return table;
}

Table<User> user() {
  auto table = std::make_shared<Struct<User>>("user", "Who may prove with a password who they are.");
  table->field("secret", &User::secret, path(), "File with the password: a line of text.", kRequired);
  return table;
}

}  // namespace

void add_connection_fields(Struct<Section>& section) {
  section.field("connections", &Section::connections,
                std::make_shared<MapType<Connection>>(&Connection::name, name("a connection's name", 31),
                                                      connection(), true),
                "Peers whose tunnels charon makes, by names of your choice.");
  section.field("pools", &Section::pools,
                std::make_shared<MapType<Pool>>(&Pool::name, name("a pool's name", 31), pool(), true),
                "Addresses that peers are given, by names of your choice.");
  section.field("authorities", &Section::authorities,
                std::make_shared<MapType<Authority>>(&Authority::name, name("an authority's name", 31),
                                                     authority(), true),
                "Who signs certificates of peers, by names of your choice.");
  section.field("users", &Section::users,
                std::make_shared<MapType<User>>(&User::name, string("a user's name", 63), user(), true),
                "Who may prove with a password who they are, by the name they give.");
}

}  // namespace millrace::vpn::profile
