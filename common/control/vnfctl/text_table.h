// SPDX-License-Identifier: BSD-3-Clause
// Columns that line up.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/control/vnfctl/style.h"

namespace millrace::vnfctl {

struct Cell {
  std::string text;
  Tone tone = Tone::kPlain;

  // NOLINTBEGIN(google-explicit-constructor): most cells are plain text
  Cell(std::string content, Tone in = Tone::kPlain) : text(std::move(content)), tone(in) {}
  Cell(const char* content) : text(content) {}
  // NOLINTEND(google-explicit-constructor)
};

class TextTable {
 public:
  enum class Align : std::uint8_t { kLeft, kRight };
  struct Column {
    std::string title;
    Align align = Align::kLeft;
  };

  explicit TextTable(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // As many cells as columns; fewer leave the rest empty.
  void add(std::vector<Cell> row);
  [[nodiscard]] bool empty() const noexcept { return rows_.empty(); }

  // A line of titles and one for each row, two spaces between columns, none at the end of a line.
  [[nodiscard]] std::string render(const Style& style) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

inline constexpr TextTable::Align kRight = TextTable::Align::kRight;

}  // namespace millrace::vnfctl
