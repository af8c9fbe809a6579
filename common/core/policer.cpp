// SPDX-License-Identifier: BSD-3-Clause
#include "common/core/policer.h"

namespace millrace::core {

Policer::Pace::Pace(std::uint64_t rate, std::uint64_t burst, std::uint64_t clock) noexcept {
  const auto second = static_cast<unsigned __int128>(clock) << (kTimeBits + kCostBits);
  per_byte_ = rate == 0 ? 0 : static_cast<std::uint64_t>((second + rate / 2) / rate);
  room_ = cost(burst);
}

Policer::Policer(const PolicerSpec& spec, std::uint64_t clock) noexcept
    : spec_(spec),
      committed_pace_(spec.committed_rate, spec.committed_burst, clock),
      peak_pace_(spec.peak_rate, spec.excess_burst, clock),
      excess_room_(committed_pace_.cost(spec.excess_burst)) {}

Color Policer::color(std::uint32_t bytes, std::uint64_t now, Color before) noexcept {
  now <<= kTimeBits;
  return spec_.peak_rate != 0 ? color_two_rates(bytes, now, before) : color_one_rate(bytes, now, before);
}

// RFC 2697 section 3. What the committed bucket has no room for goes to the excess bucket: told whenever the
// committed one is touched.
Color Policer::color_one_rate(std::uint32_t bytes, std::uint64_t now, Color before) noexcept {
  const std::uint64_t cost = committed_pace_.cost(bytes);
  std::uint64_t idle = 0;
  if (before == Color::kGreen && committed_.take(cost, committed_pace_.room(), now, idle)) {
    if (idle != 0) excess_.refill(idle);
    return Color::kGreen;
  }
  if (const std::uint64_t full_for = committed_.take_idle(now); full_for != 0) excess_.refill(full_for);
  return before != Color::kRed && excess_.take(cost, excess_room_) ? Color::kYellow : Color::kRed;
}

// RFC 2698 section 3.
Color Policer::color_two_rates(std::uint32_t bytes, std::uint64_t now, Color before) noexcept {
  std::uint64_t idle = 0;
  if (before == Color::kRed || !peak_.take(peak_pace_.cost(bytes), peak_pace_.room(), now, idle))
    return Color::kRed;
  return before == Color::kGreen &&
                 committed_.take(committed_pace_.cost(bytes), committed_pace_.room(), now, idle)
             ? Color::kGreen
             : Color::kYellow;
}

bool Policer::all_green(std::uint64_t bytes, std::uint64_t now) noexcept {
  now <<= kTimeBits;
  std::uint64_t idle = 0;
  const std::uint64_t peak_cost = peak_pace_.cost(bytes);
  if (spec_.peak_rate != 0 && !peak_.take(peak_cost, peak_pace_.room(), now, idle)) return false;
  if (!committed_.take(committed_pace_.cost(bytes), committed_pace_.room(), now, idle)) {
    if (spec_.peak_rate != 0) peak_.give_back(peak_cost);
    return false;
  }
  if (spec_.peak_rate == 0 && idle != 0) excess_.refill(idle);
  return true;
}

std::uint64_t Policer::packets(Color color) const noexcept {
  std::uint64_t sum = 0;
  for (const Counters& worker : counters_) sum += worker.packets[static_cast<unsigned>(color)].read();
  return sum;
}

std::uint64_t Policer::bytes(Color color) const noexcept {
  std::uint64_t sum = 0;
  for (const Counters& worker : counters_) sum += worker.bytes[static_cast<unsigned>(color)].read();
  return sum;
}

}  // namespace millrace::core
