// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/vnfctl/style.h"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>
#include <unistd.h>

namespace millrace::vnfctl {
namespace {

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view{} : value;
}

// ECMA-48 SGR parameters.
int sgr(Tone tone) {
  switch (tone) {
    case Tone::kGood:
      return 32;
    case Tone::kBad:
      return 31;
    case Tone::kWarn:
      return 33;
    case Tone::kDim:
      return 2;
    case Tone::kStrong:
      return 1;
    case Tone::kPlain:
      break;
  }
  return 0;
}

}  // namespace

Style Style::of_output() {
  return Style(::isatty(STDOUT_FILENO) == 1 && variable("TERM") != "dumb" && variable("NO_COLOR").empty());
}

std::string Style::paint(std::string_view text, Tone tone) const {
  if (!colour_ || tone == Tone::kPlain || text.empty()) return std::string(text);
  return fmt::format("\x1b[{}m{}\x1b[0m", sgr(tone), text);
}

std::string printable(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0U;
    if (byte == 0xc2 && next >= 0x80 && next < 0xa0) {
      out += '?';
      ++i;
    } else {
      out += byte < 0x20 || byte == 0x7f ? '?' : text[i];
    }
  }
  return out;
}

std::size_t columns(std::string_view text) noexcept {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80; }));
}

}  // namespace millrace::vnfctl
