// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/health_targets.h"

namespace millrace::load_balancer {
namespace {

health::Check check_of(const profile::Health& from) {
  switch (*from.type) {
    case profile::CheckType::kTcp:
      return health::TcpCheck{};
    case profile::CheckType::kHttp:
    case profile::CheckType::kHttps: {
      health::HttpCheck check{.path = from.path->value_or("/"), .host = from.host->value_or("")};
      for (const auto& status : from.expect) check.statuses.push_back(*status);
      check.body = from.body->value_or("");
      if (*from.type == profile::CheckType::kHttps) {
        check.tls = health::Tls{.server_name = from.server_name->value_or(""),
                                .ca_file = from.ca->value_or(""),
                                .verify = *from.verify};
      }
      return check;
    }
    case profile::CheckType::kUdp:
      return health::UdpCheck{.send = from.send->value_or(""), .receive = *from.receive};
    case profile::CheckType::kDns:
      return health::DnsCheck{.name = from.name->value_or(".")};
    case profile::CheckType::kIcmp:
      return health::IcmpCheck{};
    case profile::CheckType::kScript:
      break;
  }
  return health::ScriptCheck{.program = from.command->value_or("")};
}

}  // namespace

health::Target target_of(std::string id, const profile::Service& service, const profile::Backend& backend) {
  const profile::Health& from = *service.health;
  const std::uint16_t service_port =
      service.ports.empty() ? std::uint16_t{0} : service.ports.front()->ports.first;
  return {.id = std::move(id),
          .address = *backend.address,
          .port = from.port->value_or(backend.port->value_or(service_port)),
          .spec = {.check = check_of(from),
                   .interval = from.interval,
                   .timeout = *from.timeout,
                   .rise = from.rise,
                   .fall = from.fall,
                   .jitter = from.jitter}};
}

}  // namespace millrace::load_balancer
