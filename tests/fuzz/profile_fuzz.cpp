// SPDX-License-Identifier: BSD-3-Clause
// The firewall's profile from bytes. Files it names are not opened.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "common/control/profile/section.h"
#include "vnfs/firewall/profile.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto loaded =
      control::parse_profile(firewall::profile::schema(), text, "fuzz.yaml", control::no_files());
  // A refusal has a reason; and every reason is one line that names the file.
  if (loaded) return 0;
  if (loaded.error().entries().empty()) std::abort();
  for (const auto& entry : loaded.error().entries()) {
    if (!entry.to_string().starts_with("fuzz.yaml:") || entry.to_string().find('\n') != std::string::npos)
      std::abort();
  }
  return 0;
}
