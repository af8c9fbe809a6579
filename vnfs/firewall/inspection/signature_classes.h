// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <string_view>

namespace millrace::firewall::inspection {

// What a class of signatures stands for, and their priority, as in Suricata's classification.config; of one
// that is not in there, its name and 3.
struct ClassFacts {
  std::string_view description;
  std::uint8_t priority = 3;
};
[[nodiscard]] ClassFacts class_facts(std::string_view name) noexcept;

}  // namespace millrace::firewall::inspection
