// SPDX-License-Identifier: BSD-3-Clause
// What Vnf::explain() answers, member by member, as far as VNFs answer alike.
#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "common/appliance/packet_path.h"

namespace millrace::appliance {

// What egress drops a packet for that leaves by this hop, whatever the VNF made of it.
[[nodiscard]] std::optional<core::Drop> refused_at_egress(const core::Network& network,
                                                          const core::NextHop& hop) noexcept;

// Control thread. The network outlives it.
class PacketAnswer {
 public:
  // What the VNF says of an interface beside its name.
  using MembersOf = std::function<boost::json::object(core::InterfaceId)>;

  // `drop_reasons`: the VNF's own.
  PacketAnswer(const core::Network& network, std::span<const core::DropReason> drop_reasons,
               MembersOf members_of = {})
      : network_(network), drop_reasons_(drop_reasons), members_of_(std::move(members_of)) {}

  // "packet", "ingress", "route" and "checks". `packet`: after find_path().
  void path(const control::PacketDescription& described, const PacketPath& path, const core::Packet& packet);
  void becomes(std::string_view source, std::string_view destination);

  // Each the last word: "verdict" and "summary".
  void verdict(std::string_view action, std::string_view summary);
  template <class Reason>  // the core's, the VNF's, or a number of either
  void drop(Reason reason, std::string_view more = {}) {
    drop_for(static_cast<std::uint8_t>(reason), more);
  }
  // In place of what drop() says.
  void summary(std::string_view text) { out_["summary"] = text; }

  void set(std::string_view member, boost::json::value value);
  [[nodiscard]] boost::json::object take() { return std::move(out_); }

 protected:
  // {"egress", "next_hop"} and what the VNF says of the interface.
  [[nodiscard]] boost::json::object way(const core::NextHop& hop, core::InterfaceId egress) const;
  [[nodiscard]] const core::Network& network() const noexcept { return network_; }

 private:
  void drop_for(std::uint8_t reason, std::string_view more);
  void add_members_of(core::InterfaceId interface, boost::json::object& out) const;

  const core::Network& network_;
  std::span<const core::DropReason> drop_reasons_;
  MembersOf members_of_;
  boost::json::object out_;
};

}  // namespace millrace::appliance
