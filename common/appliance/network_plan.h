// SPDX-License-Identifier: BSD-3-Clause
// From the profile's ports, interfaces and routes to what the data path and the twin work with.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/appliance/conditioning_plan.h"
#include "common/control/profile/profile.h"
#include "common/core/port.h"
#include "common/host/twin.h"

namespace millrace::appliance {

// Numbers for names, given once and never to another name: sessions and counters keep them through a reload.
class Numbers {
 public:
  [[nodiscard]] std::uint16_t of(std::string_view name);
  [[nodiscard]] const std::vector<std::string>& names() const noexcept { return names_; }

 private:
  std::vector<std::string> names_;
};

// What a reload finds again.
struct Numbering {
  Numbers interfaces;
  Numbers domains;  // "default" is 0
  KeptConditioning conditioning;

  Numbering() { static_cast<void>(domains.of("default")); }
};

using FindPort = std::function<const core::Port*(std::string_view name)>;

// An interface that the profile no longer has keeps its place, down and without a port.
[[nodiscard]] Result<host::TwinPlan> make_plan(const control::Profile& profile, Numbering& numbering,
                                               const FindPort& find_port);

}  // namespace millrace::appliance
