// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/vnfctl/screen.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <iostream>

#include <sys/ioctl.h>
#include <unistd.h>

#include "common/control/vnfctl/commands.h"

namespace millrace::vnfctl {
namespace {

// Xterm's private modes (ctlseqs): 1049 alternate screen, 25 cursor, 7 wrapping of long lines.
constexpr std::string_view kEnter = "\x1b[?1049h\x1b[?25l\x1b[?7l";
constexpr std::string_view kLeave = "\x1b[?7h\x1b[?25h\x1b[?1049l";

sigset_t interruptions() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

std::size_t terminal_rows() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0) return 24;
  return size.ws_row;
}

}  // namespace

Interruption::Interruption() {
  const sigset_t set = interruptions();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

bool Interruption::wait_until(std::chrono::steady_clock::time_point when) {
  const sigset_t set = interruptions();
  while (true) {
    const auto left =
        std::max(when - std::chrono::steady_clock::now(), std::chrono::steady_clock::duration::zero());
    const auto whole = std::chrono::duration_cast<std::chrono::seconds>(left);
    timespec time{};
    time.tv_sec = whole.count();
    time.tv_nsec = std::chrono::nanoseconds(left - whole).count();
    if (::sigtimedwait(&set, nullptr, &time) > 0) return false;
    if (errno == EAGAIN) return true;
  }
}

Screen::Screen(bool in_place) : in_place_(in_place) {
  if (in_place_) print(kEnter);
}

Screen::~Screen() {
  if (in_place_) std::cout << kLeave << std::flush;
}

bool Screen::can_draw() {
  const char* term = std::getenv("TERM");
  return ::isatty(STDOUT_FILENO) == 1 && term != nullptr && *term != '\0' && std::string_view(term) != "dumb";
}

void Screen::show(std::string_view frame) {
  if (in_place_) {
    print(redraw(frame, terminal_rows()));
  } else {
    print(first_ ? std::string(frame) : "\n" + std::string(frame));
  }
  first_ = false;
}

std::string redraw(std::string_view frame, std::size_t rows) {
  std::string out = "\x1b[H";
  for (std::size_t row = 0; row < rows && !frame.empty(); ++row) {
    const std::string_view line = frame.substr(0, frame.find('\n'));
    frame.remove_prefix(std::min(frame.size(), line.size() + 1));
    if (row > 0) out += "\r\n";
    out += line;
    out += "\x1b[K";
  }
  return out + "\x1b[J";
}

}  // namespace millrace::vnfctl
