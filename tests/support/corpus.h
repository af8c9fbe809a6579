// SPDX-License-Identifier: BSD-3-Clause
// Captures, rule sets and filters that nobody here wrote, which tests read where they are and skip without.
#pragma once

#include <cstdlib>
#include <filesystem>

namespace millrace::testing {

// The folder that the environment's MILLRACE_CORPUS names, else shared/corpus beside the sources; it may not
// be there.
inline std::filesystem::path corpus_folder() {
  const char* named = std::getenv("MILLRACE_CORPUS");
  return named != nullptr ? std::filesystem::path(named)
                          : std::filesystem::path(MILLRACE_SOURCE_DIR) / "../shared/corpus";
}

}  // namespace millrace::testing
