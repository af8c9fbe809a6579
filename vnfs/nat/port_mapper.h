// SPDX-License-Identifier: BSD-3-Clause
// Opens, keeps and ends bindings that a host asks for: what PCP (RFC 6887) and NAT-PMP (RFC 6886) have in
// common. Data path.
#pragma once

#include "vnfs/nat/pcp_message.h"
#include "vnfs/nat/worker_state.h"

namespace millrace::nat {

// For one request, on the worker that has the host.
class PortMapper {
 public:
  // The host the binding is for, and where the request came in.
  struct Host {
    net::IpAddress address;
    core::InterfaceId interface;
    core::DomainId domain;
  };
  struct Outcome {
    pcp::Result result = pcp::Result::kSuccess;
    std::uint32_t lifetime = 0;  // seconds; of an error that has another than pcp::error_lifetime()
    Endpoint outside{};
  };

  PortMapper(BindingTable& bindings, const Policy& policy, const core::Network& network, const Host& host,
             Tick now) noexcept
      : bindings_(bindings), policy_(policy), network_(network), host_(host), now_(now) {}

  // RFC 6887 section 11.3; a lifetime of 0 deletes (section 15).
  [[nodiscard]] Outcome map(const pcp::Request& request) noexcept;
  // RFC 6887 section 12.3.
  [[nodiscard]] Outcome peer(const pcp::Request& request) noexcept;
  // The outside address the host has, or would get.
  [[nodiscard]] Outcome address() noexcept;

 private:
  [[nodiscard]] const Rule* rule_for(const net::IpAddress& remote) const noexcept;
  [[nodiscard]] pcp::Result open_subscriber(const Pool& pool, SubscriberIndex& number) noexcept;
  [[nodiscard]] Outcome open_mapping(SubscriberIndex number, const pcp::Request& request, const Rule& rule,
                                     Endpoint remote, MappingIndex& mapping) noexcept;
  [[nodiscard]] std::optional<Endpoint> remote_of(const pcp::Request& request) const noexcept;
  [[nodiscard]] Tuple outward_of(SubscriberIndex number, const pcp::Request& request,
                                 Endpoint remote) const noexcept;
  [[nodiscard]] std::optional<net::ChecksumSum> inside_addresses(Endpoint remote) const noexcept;
  [[nodiscard]] Outcome open_session(const pcp::Request& request, const Rule& rule, Endpoint remote_end,
                                     SessionIndex& session) noexcept;
  [[nodiscard]] Outcome keep(Lease::Kind kind, std::uint32_t binding, const pcp::Request& request) noexcept;
  [[nodiscard]] Outcome unmap(const pcp::Request& request) noexcept;
  [[nodiscard]] Outcome unmap_all(SubscriberIndex number, const pcp::Request& request) noexcept;
  void end(LeaseIndex lease) noexcept;
  // Seconds, rounded up.
  [[nodiscard]] std::uint32_t left(LeaseIndex lease) const noexcept;

  BindingTable& bindings_;
  const Policy& policy_;
  const core::Network& network_;
  Host host_;
  Tick now_;
};

}  // namespace millrace::nat
