// SPDX-License-Identifier: BSD-3-Clause
// Compiled patterns on disk, by a hash of what they were compiled from: ten thousand of them are there again
// within milliseconds. What can not be read is compiled, and what can not be written is only a note.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <tl/expected.hpp>

#include "common/acceleration/dpi/database.h"

namespace millrace::dpi {

class DatabaseCache {
 public:
  static constexpr std::size_t kMostFiles = 32;  // those that were asked for last

  // Makes the folder when there is none.
  explicit DatabaseCache(std::filesystem::path folder) : folder_(std::move(folder)) {}

  struct Got {
    std::shared_ptr<const Database> database;
    bool compiled = false;            // there was none of use on disk
    std::optional<Error> not_kept{};  // why it will not be there the next time
  };
  [[nodiscard]] tl::expected<Got, Database::Fault> get(std::span<const Pattern> patterns, Mode mode) const;

 private:
  [[nodiscard]] Result<void> keep(const Database& database, const std::filesystem::path& file) const;
  void remove_old() const;

  std::filesystem::path folder_;
};

}  // namespace millrace::dpi
