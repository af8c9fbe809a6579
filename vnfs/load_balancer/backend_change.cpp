// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/backend_change.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "vnfs/load_balancer/profile_check.h"

namespace millrace::load_balancer {
namespace {

// Behind all that stands in the file, so that of two that do not go together this one is wrong.
constexpr control::Position kHere{.line = std::numeric_limits<std::uint32_t>::max(), .column = 1};

bool is(const profile::Backend& backend, const BackendKey& key) {
  return *backend.address == key.address && backend.port->value_or(0) == key.port;
}

profile::Backend backend_of(const BackendKey& key, control::Position at) {
  profile::Backend backend;
  backend.at = at;
  backend.address = {.value = key.address, .at = at};
  if (key.port != 0) backend.port = {.value = key.port, .at = at};
  return backend;
}

// Some of what it would collide with stands in no file.
std::string without_line_0(std::string message) {
  for (const std::string_view nowhere : {" (line 0)", ", in line 0"}) {
    const std::size_t found = message.find(nowhere);
    if (found != std::string::npos) message.erase(found, nowhere.size());
  }
  return message;
}

}  // namespace

Result<void> check_change(const profile::Section& profile, const control::Profile& common,
                          const LivePools& live, const std::vector<BackendKey>& in_force,
                          const control::BackendChange& change) {
  if (change.remove) return {};
  const BackendKey wanted{change.service, change.address, change.port};
  profile::Section with = profile;
  for (profile::Service& service : with.services) {
    std::vector<profile::Backend> backends = wanted_backends(service, live);
    const auto has = [&](const BackendKey& key) {
      return std::ranges::any_of(backends, [&](const profile::Backend& one) { return is(one, key); }) ||
             (service.last_resort && is(*service.last_resort, key));
    };
    const bool asked = *service.name == change.service;
    if (asked && has(wanted)) return {};
    for (const BackendKey& key : in_force) {
      if (key.service == *service.name && key != wanted && !has(key)) backends.push_back(backend_of(key, {}));
    }
    if (asked) backends.push_back(backend_of(wanted, kHere));
    service.backends = std::move(backends);
  }
  control::Diagnostics diagnostics;
  profile::check_backends(with, {common, control::no_files(), diagnostics}, true);
  const auto wrong = std::ranges::find(diagnostics.entries(), kHere, &control::Diagnostic::at);
  if (wrong == diagnostics.entries().end()) return {};
  return failure(fmt::format("set backend {} of {}", change.address.to_string(), change.service),
                 without_line_0(wrong->message), "backend");
}

}  // namespace millrace::load_balancer
