// SPDX-License-Identifier: BSD-3-Clause
// Packets of many tunnels find what they need in no cache near: it is fetched for all of a batch before the
// first of them is sealed or opened. For one tunnel that is not worth its instructions.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "vnfs/vpn/worker_state.h"

namespace millrace::vpn {

// All cache lines of `bytes` bytes.
[[gnu::always_inline]] inline void prefetch(const void* memory, std::size_t bytes) noexcept {
  constexpr std::size_t kLine = 64;
  const auto* const begin = static_cast<const char*>(memory);
  for (std::size_t at = 0; at < bytes; at += kLine) __builtin_prefetch(begin + at);
}

// Each lane in turn.
template <class Visit>
[[gnu::always_inline]] inline void each_lane(std::uint64_t lanes, Visit visit) noexcept {
  for (; lanes != 0; lanes &= lanes - 1) visit(static_cast<unsigned>(std::countr_zero(lanes)));
}

}  // namespace millrace::vpn
