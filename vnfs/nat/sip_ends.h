// SPDX-License-Identifier: BSD-3-Clause
// The ends that a signalling session's SIP messages may name, and the ports that are opened for their media.
// Data path.
#pragma once

#include "vnfs/nat/alg.h"
#include "vnfs/nat/sip_addresses.h"

namespace millrace::nat {

// Of one session, while one of its messages is rewritten. Media come in from the session's other end and from
// the addresses that it named for its media on this session, from nowhere else.
class SipEnds final : public sip::Ends {
 public:
  explicit SipEnds(const AlgContext& context) noexcept : context_(context) {}

  [[nodiscard]] std::optional<sip::End> other_end(sip::End end) noexcept override;
  [[nodiscard]] std::optional<net::Ipv4Address> other_address(net::Ipv4Address address) noexcept override;
  [[nodiscard]] std::optional<sip::MediaPorts> open_media(net::Ipv4Address inside,
                                                          sip::MediaPorts ports) noexcept override;
  void peer_media(net::Ipv4Address address, sip::MediaPorts ports) noexcept override;

  // Something was asked for and not to be had.
  [[nodiscard]] bool refused() const noexcept { return refused_; }

 private:
  [[nodiscard]] bool outward() const noexcept { return context_.direction == Direction::kForward; }
  [[nodiscard]] std::optional<sip::End> contact(be16 port) noexcept;
  [[nodiscard]] std::optional<be16> inside_port(be16 outside) const noexcept;
  [[nodiscard]] std::optional<be16> open_port(std::uint16_t inside, std::uint16_t suggested) noexcept;

  const AlgContext& context_;
  bool refused_ = false;
};

}  // namespace millrace::nat
