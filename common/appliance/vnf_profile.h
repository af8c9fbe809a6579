// SPDX-License-Identifier: BSD-3-Clause
// A profile with the section of one VNF, and how it is read.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "common/appliance/vnf.h"
#include "common/control/profile/section.h"

namespace millrace::appliance {

template <class Section>
struct VnfProfile final : LoadedProfile {
  std::string file;  // what errors call it
  std::shared_ptr<const Section> own;
};

// For Vnf::load().
template <class Section>
[[nodiscard]] control::Checked<std::shared_ptr<const LoadedProfile>> load_profile(
    const control::ProfileSchema<Section>& schema, std::string_view text, const std::string& file,
    const control::ResolveFile& resolve) {
  auto parsed = control::parse_profile(schema, text, file, resolve);
  if (!parsed) return tl::unexpected(std::move(parsed.error()));
  auto loaded = std::make_shared<VnfProfile<Section>>();
  loaded->common = std::move(parsed->common);
  loaded->own = std::make_shared<const Section>(std::move(parsed->own));
  loaded->text = text;
  loaded->file = file;
  return loaded;
}

}  // namespace millrace::appliance
