// SPDX-License-Identifier: BSD-3-Clause
// From the text of a profile to checked values. Each appliance brings the table of its own section
// (section.h); this room knows none of them.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/control/profile/diagnostics.h"
#include "common/control/profile/profile.h"

namespace millrace::control {

// The whole file: what all appliances share, and the section of one.
template <class Section>
struct Loaded {
  Profile common;
  Section own;
};

template <class Section>
struct ProfileSchema;

// Where a file that the profile names is to be found; an error when it may not be read at all.
using ResolveFile = std::function<Result<std::string>(std::string_view named)>;

// Names are relative to the folder of `profile_path`.
[[nodiscard]] ResolveFile files_beside(const std::string& profile_path);
// For text from an untrusted source: no file may be named.
[[nodiscard]] ResolveFile no_files();

// The content of a regular file (or, when `any_kind`, of whatever can be read) of at most `most` bytes.
[[nodiscard]] Result<std::string> read_text_file(const std::string& path, std::size_t most,
                                                 bool any_kind = false);

}  // namespace millrace::control
