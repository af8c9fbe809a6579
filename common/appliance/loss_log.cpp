// SPDX-License-Identifier: BSD-3-Clause
#include "common/appliance/loss_log.h"

#include <fmt/format.h>

namespace millrace::appliance {

std::vector<std::string> LossLog::look(std::span<const Loss> losses, std::uint64_t now_ms) {
  std::vector<std::string> lines;
  for (const Loss& loss : losses) {
    State& state = states_.try_emplace(std::string(loss.name)).first->second;
    if (loss.count != state.count) {
      if (!state.goes_on) {
        state = {.count = state.count,
                 .before = state.count,
                 .began_ms = now_ms,
                 .last_ms = now_ms,
                 .goes_on = true};
        lines.push_back(fmt::format("{}: {}", loss.name, loss.sentence));
      }
      state.count = loss.count;
      state.last_ms = now_ms;
    } else if (state.goes_on && now_ms - state.last_ms >= kQuietMs) {
      state.goes_on = false;
      lines.push_back(fmt::format("{} is over: {} in {} s", loss.name, state.count - state.before,
                                  (state.last_ms - state.began_ms + 999) / 1000));
    }
  }
  return lines;
}

}  // namespace millrace::appliance
