// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/vnfctl/text_table.h"

#include <algorithm>

namespace millrace::vnfctl {

void TextTable::add(std::vector<Cell> row) {
  row.resize(columns_.size(), Cell(""));
  for (Cell& cell : row) cell.text = printable(cell.text);
  rows_.push_back(std::move(row));
}

std::string TextTable::render(const Style& style) const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t width = columns(columns_[i].title);
    for (const auto& row : rows_) width = std::max(width, columns(row[i].text));
    widths.push_back(width);
  }
  std::string out;
  const auto add_line = [&](const auto& cell_of) {
    std::string line;
    std::size_t owed = 0;  // spaces to write before the next visible text
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const Cell cell = cell_of(i);
      const std::size_t fill = widths[i] - columns(cell.text);
      const bool right = columns_[i].align == kRight;
      if (right) owed += fill;
      if (!cell.text.empty()) {
        line.append(owed, ' ');
        line += style.paint(cell.text, cell.tone);
        owed = 0;
      }
      owed += right ? 2 : fill + 2;
    }
    out += line + "\n";
  };
  add_line([this](std::size_t i) { return Cell(columns_[i].title, Tone::kDim); });
  for (const auto& row : rows_) {
    add_line([&row](std::size_t i) { return row[i]; });
  }
  return out;
}

}  // namespace millrace::vnfctl
