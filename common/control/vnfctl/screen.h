// SPDX-License-Identifier: BSD-3-Clause
// A terminal that is redrawn in place, and a wait that SIGINT and SIGTERM end.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace millrace::vnfctl {

// From construction SIGINT and SIGTERM do nothing but end wait_until().
class Interruption {
 public:
  Interruption();
  // False when a signal came, before or during the wait.
  [[nodiscard]] bool wait_until(std::chrono::steady_clock::time_point when);
};

// On a terminal: the alternate screen, no cursor, until destruction puts back what was there. On anything
// else the frames come one after the other, with an empty line between.
class Screen {
 public:
  explicit Screen(bool in_place);
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  // Standard output is a terminal that can be drawn on.
  [[nodiscard]] static bool can_draw();

  void show(std::string_view frame);

 private:
  bool in_place_;
  bool first_ = true;
};

// The frame's first lines, redrawn over the one before: cut to `rows`, each line's old end cleared.
[[nodiscard]] std::string redraw(std::string_view frame, std::size_t rows);

}  // namespace millrace::vnfctl
