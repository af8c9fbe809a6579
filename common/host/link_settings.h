// SPDX-License-Identifier: BSD-3-Clause
// The kernel's per-link settings that a twin needs, which only /proc/sys knows. In the thread's network
// namespace.
#pragma once

#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace millrace::host {

struct LinkSetting {
  std::string_view family;  // "ipv4" or "ipv6"
  std::string_view name;
  std::string_view value;
};

// The settings of a twin, and why: see the .cpp file.
[[nodiscard]] const std::vector<LinkSetting>& twin_settings();

// Makes the link behave as one router interface: it answers ARP and ND only for its own addresses, learns
// nothing from router advertisements or redirects, and keeps its addresses while it is down. Tries all
// settings; the Errors are of those that could not be written (a container's /proc/sys is often read-only),
// and a setting this kernel does not have is no error.
[[nodiscard]] std::vector<Error> apply_twin_settings(std::string_view link_name);

}  // namespace millrace::host
