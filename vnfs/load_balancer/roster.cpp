// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/roster.h"

#include <fmt/format.h>

namespace millrace::load_balancer {

template <class Name>
std::uint16_t Roster::Numbers<Name>::get(const Name& name) {
  if (const auto known = known_.find(name); known != known_.end()) {
    known->second.wanted = true;
    return known->second.number;
  }
  std::uint16_t number = kNoId;
  if (next_ < most_) {
    number = next_++;
  } else if (!free_.empty()) {
    number = free_.front();
    free_.pop_front();
  } else {
    return kNoId;
  }
  known_.emplace(name, Entry{number, true});
  return number;
}

template <class Name>
void Roster::Numbers<Name>::begin() {
  for (auto& [name, entry] : known_) entry.wanted = false;
}

template <class Name>
void Roster::Numbers<Name>::end() {
  for (auto at = known_.begin(); at != known_.end();) {
    if (at->second.wanted) {
      ++at;
      continue;
    }
    free_.push_back(at->second.number);
    at = known_.erase(at);
  }
}

void Roster::begin() {
  services_.begin();
  backends_.begin();
}

Result<ServiceId> Roster::service(const std::string& name) {
  const ServiceId id = services_.get(name);
  if (id == kNoId) return failure("take in service " + name, "there are as many services as there may be");
  return id;
}

Result<BackendId> Roster::backend(ServiceId service, const net::IpAddress& address, std::uint16_t port) {
  const BackendId id = backends_.get({service, address, port});
  if (id == kNoId)
    return failure("take in backend " + address.to_string(), "there are as many backends as there may be");
  return id;
}

void Roster::end() {
  services_.end();
  backends_.end();
}

}  // namespace millrace::load_balancer
