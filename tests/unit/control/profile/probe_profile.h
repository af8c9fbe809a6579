// SPDX-License-Identifier: BSD-3-Clause
// A profile of the common part alone.
#pragma once

#include <memory>
#include <string>

#include "common/control/profile/section.h"

namespace millrace::control {

struct NoSection {};

// `rest` stands from line 4 on.
inline Checked<Loaded<NoSection>> read_probe(const std::string& rest) {
  static const ProfileSchema<NoSection> kSchema{
      .vnf = "probe",
      .doc = "Nothing.",
      .section = std::make_shared<Struct<NoSection>>("probe", "Nothing."),
      .check = [](NoSection&, const CheckContext&) {}};
  return parse_profile(kSchema, "vnf: probe\nname: p\nprobe: {}\n" + rest, "p.yaml", no_files());
}

}  // namespace millrace::control
