// SPDX-License-Identifier: BSD-3-Clause
// Looking through a worker's table while it carries traffic: a piece of the table per job, so that packets
// wait some tens of microseconds and not for the whole table. And how far a listing has come.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/core/worker.h"

namespace millrace::appliance {

inline constexpr std::uint32_t kSlice = 256;  // records per job

// Calls visit(index) on the worker's thread for each place from `at` on, until it returns false; `visit` must
// not allocate. Returns the place to go on from, `capacity` when all were seen. Records that begin meanwhile
// may be missed. Control thread.
template <class Visit>
std::uint32_t visit_slices(core::Worker& worker, std::uint32_t at, std::uint32_t capacity, Visit&& visit) {
  bool wanted = true;
  while (wanted && at < capacity) {
    worker.execute([&] {
      const std::uint32_t end = std::min(capacity, at + kSlice);
      for (; at < end && wanted; ++at) wanted = visit(at);
    });
  }
  return std::min(at, capacity);
}

// "WORKER.PLACE" of the first record not looked at.
struct ListingCursor {
  unsigned worker = 0;
  std::uint32_t place = 0;

  // Empty text is the beginning; nothing for any other that is no cursor.
  [[nodiscard]] static std::optional<ListingCursor> parse(std::string_view text) {
    ListingCursor cursor;
    if (text.empty()) return cursor;
    const char* end = text.data() + text.size();
    const auto worker = std::from_chars(text.data(), end, cursor.worker);
    if (worker.ec != std::errc{} || worker.ptr == end || *worker.ptr != '.') return std::nullopt;
    const auto place = std::from_chars(worker.ptr + 1, end, cursor.place);
    if (place.ec != std::errc{} || place.ptr != end) return std::nullopt;
    return cursor;
  }
  [[nodiscard]] std::string to_string() const { return std::to_string(worker) + "." + std::to_string(place); }
};

}  // namespace millrace::appliance
