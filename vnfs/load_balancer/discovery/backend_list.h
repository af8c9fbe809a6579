// SPDX-License-Identifier: BSD-3-Clause
// A list of backends as a file has it:
//
//   # what an orchestrator keeps up to date
//   10.0.0.11 port=8080 weight=2
//   2001:db8::12              # the service's port, weight 1
//
// No file is opened here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "common/base/result.h"
#include "common/net/address.h"

namespace millrace::load_balancer::discovery {

struct FoundBackend {
  net::IpAddress address{};
  std::optional<std::uint16_t> port{};    // none: the service's
  std::optional<std::uint32_t> weight{};  // none: that of a backend of which nothing is said

  auto operator<=>(const FoundBackend&) const = default;  // NOLINT(modernize-use-nullptr)
};

inline constexpr std::uint32_t kMostWeight = 1'000;
inline constexpr std::size_t kMostBackends = 10'000;

// All backends in the order of the lines; or what is wrong, each with its place, "backends.txt:7", and after
// the first few no more. A backend that is there twice is wrong.
[[nodiscard]] tl::expected<std::vector<FoundBackend>, std::vector<Error>> parse_backends(
    std::string_view text, const std::string& file);

}  // namespace millrace::load_balancer::discovery
