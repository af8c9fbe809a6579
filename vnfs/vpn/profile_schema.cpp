// SPDX-License-Identifier: BSD-3-Clause
// The table of the `vpn:` section: keys, bounds and the sentences of docs/profile.vpn.md.
#include <charconv>

#include <fmt/format.h>

#include "common/control/profile/section.h"
#include "common/control/profile/types.h"
#include "vnfs/vpn/profile.h"
#include "vnfs/vpn/profile_check.h"
#include "vnfs/vpn/profile_connections.h"

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
using control::TypePtr;

std::string name_of(const crypto::Suite& suite) {
  std::string text(crypto::name(suite.cipher));
  if (suite.integrity != crypto::Integrity::kNone) text += fmt::format("-{}", crypto::name(suite.integrity));
  return text;
}

// As captures show it, or as a plain number.
TypePtr<std::uint32_t> spi() {
  const auto parse = [](std::string_view text) -> std::optional<std::uint32_t> {
    const bool hex = text.starts_with("0x");
    if (hex) text.remove_prefix(2);
    std::uint32_t number = 0;
    const char* end = text.data() + text.size();
    const auto read = std::from_chars(text.data(), end, number, hex ? 16 : 10);
    if (read.ec != std::errc{} || read.ptr != end || number < kLeastSpi) return std::nullopt;
    return number;
  };
  return control::text_of<std::uint32_t>(
      fmt::format("a number of at least {} and 32 bits, such as 0x1a2b or 6699", kLeastSpi),
      "^(0x[0-9a-fA-F]{1,8}|[0-9]{3,10})$", parse,
      [](const std::uint32_t& number) { return fmt::format("0x{:x}", number); });
}

TypePtr<crypto::Suite> suite() {
  std::vector<control::Choice<crypto::Suite>> choices;
  for (const crypto::Suite& one : crypto::suites()) choices.emplace_back(name_of(one), one, "");
  return choice<crypto::Suite>(std::move(choices));
}

Table<Networks> networks() {
  auto table = std::make_shared<Struct<Networks>>("pair of networks", "What a tunnel carries.");
  table->position(&Networks::at);
  table->field("local", &Networks::local, control::prefix(), "On the gateway's own side.", kRequired);
  table->field("remote", &Networks::remote, control::prefix(), "Behind the other gateway.", kRequired);
  table->field("protocol", &Networks::protocol, integer<std::uint8_t>(1, 255), "Number of an IP protocol.",
               absent_means("all"));
  table->field("local_ports", &Networks::local_ports, control::ports(), "Ports on the gateway's own side.",
               absent_means("all"));
  table->field("remote_ports", &Networks::remote_ports, control::ports(), "Ports behind the other gateway.",
               absent_means("all"));
  return table;
}

Table<Keys> keys() {
  auto table = std::make_shared<Struct<Keys>>("association", "One direction of a tunnel.");
  table->position(&Keys::at);
  table->field("spi", &Keys::spi, spi(),
               "Number of the association (RFC 4303 section 2.1); no two that come in have the same.",
               kRequired);
  table->field("suite", &Keys::suite, suite(), "Cipher, and hash where the cipher has no tag of its own.",
               kRequired);
  table->field(
      "key", &Keys::key, string("the path of a file", 4095),
      "File with the cipher's key in hexadecimal digits; behind it, where the cipher has one, the salt "
      "of four bytes (RFC 4106 section 8.1).",
      kRequired);
  table->field("integrity_key", &Keys::integrity_key, string("the path of a file", 4095),
               "File with the hash's key in hexadecimal digits.", absent_means("none"));
  return table;
}

Table<NatTraversal> nat_traversal() {
  auto table = std::make_shared<Struct<NatTraversal>>("NAT traversal", "ESP in UDP (RFC 3948).");
  const auto port = integer<std::uint16_t>(1, 65535);
  table->field("local_port", &NatTraversal::local_port, port, "UDP port of this gateway.");
  table->field("remote_port", &NatTraversal::remote_port, port, "UDP port of the other one.");
  return table;
}

Table<Tunnel> tunnel() {
  auto table = std::make_shared<Struct<Tunnel>>(
      "tunnel", "A tunnel whose keys the profile names: for a peer without key exchange, and for trials.");
  table->field("local", &Tunnel::local, control::ip_address(),
               "Address of this gateway: one of an interface.", kRequired);
  table->field("remote", &Tunnel::remote, control::ip_address(), "Address of the other gateway.", kRequired);
  table->field("mode", &Tunnel::mode,
               choice<Mode>({{"tunnel", Mode::kTunnel, "whole datagrams of networks behind the gateways"},
                             {"transport", Mode::kTransport, "what the two gateways say to each other"}}),
               "What is sealed (RFC 4301 section 3.2).");
  table->field("networks", &Tunnel::networks, networks(),
               "What it carries. When nothing is given: in transport mode the two gateways themselves, and "
               "with an interface of its own whatever the routes send there.");
  table->field("nat_traversal", &Tunnel::nat_traversal, nat_traversal(),
               "ESP in UDP, where a NAT is on the way; `{}` for port 4500 on both sides.",
               absent_means("plain ESP"));
  table->field(
      "extended_sequence_numbers", &Tunnel::extended_sequence_numbers, boolean(),
      "Whether sequence numbers have 64 bits (RFC 4303 section 2.2.1). Without, a tunnel ends after four "
      "billion packets.");
  table->field("replay_window", &Tunnel::replay_window,
               integer<std::uint32_t>(ReplayBounds::kLeast, ReplayBounds::kMost),
               "How many packets late one may come, and still be told from a copy: a power of two.");
  table->field("in", &Tunnel::in, keys(), "Of packets that come in.", kRequired);
  table->field("out", &Tunnel::out, keys(), "Of packets that leave; what is `in` at the other gateway.",
               kRequired);
  return table;
}

Table<Exception> exception() {
  auto table = std::make_shared<Struct<Exception>>(
      "exception", "Packets between two networks that go by no tunnel, whatever other policies say.");
  table->position(&Exception::at);
  table->field("local", &Exception::local, control::prefix(), "On the gateway's own side.", kRequired);
  table->field("remote", &Exception::remote, control::prefix(), "On the other side.", kRequired);
  table->field("action", &Exception::action,
               choice<Action>({{"bypass", Action::kBypass, "they pass as they are"},
                               {"discard", Action::kDiscard, "they are dropped"}}),
               "What becomes of them.");
  return table;
}

Table<KeyExchange> key_exchange() {
  auto table = std::make_shared<Struct<KeyExchange>>(
      "key exchange", "Where charon's plugin tells associations and policies (vnfs/vpn/charon-plugin).");
  table->field("socket", &KeyExchange::socket, string("the path of a socket", 107), "Path of the socket.");
  table->field("user", &KeyExchange::user, integer<std::uint32_t>(0, 0xfffffffe),
               "Number of a user who may connect.", absent_means("root and the appliance's own"));
  table->field("control", &KeyExchange::control, string("the path of a socket", 107),
               "Path of the socket on which charon is told connections (VICI).");
  return table;
}

Table<Section> section() {
  auto table = std::make_shared<Struct<Section>>("vpn", "Tunnels of the VPN gateway.");
  table->position(&Section::at);
  table->field("tunnels", &Section::tunnels,
               std::make_shared<MapType<Tunnel>>(&Tunnel::name, name("a tunnel's name", 31), tunnel(), true),
               "Tunnels with keys of their own, by names of your choice.");
  add_connection_fields(*table);
  table->field("exceptions", &Section::exceptions, exception(), "Packets that go by no tunnel.");
  table->field("key_exchange", &Section::key_exchange, key_exchange(),
               "Associations come from strongSwan's charon; `{}` for the defaults below.",
               absent_means("off"));
  table->field("mss", &Section::mss, integer<std::uint16_t>(256, 9216),
               "Largest TCP segment that hosts may announce through a tunnel.",
               absent_means("what fits the tunnel"));
  table->field(
      "dont_fragment", &Section::dont_fragment,
      choice<DontFragment>(
          {{"copy", DontFragment::kCopy, "as the packet inside says; its sender is told what fits"},
           {"set", DontFragment::kSet, "routers may not cut; what may be cut is, before it is sealed"},
           {"clear", DontFragment::kClear,
            "routers may cut, and no sender is told anything: for hosts that do not heed what they are "
            "told"}}),
      "Whether routers may cut sealed packets (RFC 4301 section 8.1).");
  table->field("fragment", &Section::fragment,
               choice<Fragment>(
                   {{"before", Fragment::kBefore,
                     "before it is sealed, so that the other gateway has nothing to join"},
                    {"after", Fragment::kAfter, "behind the gateway, so that hosts have nothing to join"}}),
               "When a packet that does not fit a tunnel, and may be cut, is.");
  return table;
}

}  // namespace

const control::ProfileSchema<Section>& schema() {
  static const control::ProfileSchema<Section> kSchema{
      .vnf = "vpn",
      .doc = "Tunnels of the VPN gateway.",
      .tunnels = true,
      .section = section(),
      .check = check,
  };
  return kSchema;
}

}  // namespace millrace::vpn::profile
