// SPDX-License-Identifier: BSD-3-Clause
// Colour, where the reader is a terminal that wants it; and text that cannot steer that terminal.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace millrace::vnfctl {

enum class Tone : std::uint8_t { kPlain, kGood, kBad, kWarn, kDim, kStrong };

class Style {
 public:
  explicit Style(bool colour = false) : colour_(colour) {}
  // Colour when standard output is a terminal, TERM is not "dumb" and NO_COLOR (no-color.org) is not set.
  [[nodiscard]] static Style of_output();

  [[nodiscard]] std::string paint(std::string_view text, Tone tone) const;

 private:
  bool colour_;
};

// Control characters (C0, DEL, C1) become '?': names come from profiles and from the network.
[[nodiscard]] std::string printable(std::string_view text);
// Characters, taking each code point of UTF-8 for one column.
[[nodiscard]] std::size_t columns(std::string_view text) noexcept;

}  // namespace millrace::vnfctl
