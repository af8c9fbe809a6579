// SPDX-License-Identifier: BSD-3-Clause
#include "common/acceleration/dpi/scanner.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <hs_runtime.h>

namespace millrace::dpi {
namespace {

struct Listener {
  detail::Told told;
  void* context;
};

int on_event(unsigned id, unsigned long long /*from*/, unsigned long long to, unsigned /*flags*/,
             void* context) noexcept {
  const auto& listener = *static_cast<const Listener*>(context);
  return listener.told(listener.context, {id, to}) ? 0 : 1;
}

Outcome outcome_of(hs_error_t error) noexcept {
  if (error == HS_SUCCESS) [[likely]]
    return Outcome::kDone;
  return error == HS_SCAN_TERMINATED ? Outcome::kStopped : Outcome::kFailed;
}

}  // namespace

void Scratch::Free::operator()(hs_scratch* raw) const noexcept { hs_free_scratch(raw); }

Result<Scratch> Scratch::make(std::span<const std::shared_ptr<const Database>> databases) {
  hs_scratch_t* raw = nullptr;
  for (const auto& database : databases) {
    if (const hs_error_t error = hs_alloc_scratch(database->raw(), &raw); error != HS_SUCCESS) {
      hs_free_scratch(raw);
      return failure("make room to scan in", fmt::format("Hyperscan gives error {}", error));
    }
  }
  if (raw == nullptr) return failure("make room to scan in", "there are no patterns");
  return Scratch(Raw(raw));
}

Result<Scratch> Scratch::clone() const {
  hs_scratch_t* raw = nullptr;
  if (hs_clone_scratch(raw_.get(), &raw) != HS_SUCCESS)
    return failure("make room to scan in", "there is no memory");
  return Scratch(Raw(raw));
}

std::size_t Scratch::bytes() const noexcept {
  std::size_t bytes = 0;
  static_cast<void>(hs_scratch_size(raw_.get(), &bytes));
  return bytes;
}

namespace detail {

Outcome scan(const Database& database, const Scratch& scratch, Bytes block, Told told,
             void* context) noexcept {
  Listener listener{told, context};
  return outcome_of(hs_scan(database.raw(), reinterpret_cast<const char*>(block.data()),
                            static_cast<unsigned>(block.size()), 0, scratch.raw(), on_event, &listener));
}

Outcome scan(const Database& database, const Scratch& scratch, std::span<const Bytes> pieces, Told told,
             void* context) noexcept {
  if (pieces.size() > kMostPieces) return Outcome::kFailed;
  std::array<const char*, kMostPieces> data;
  std::array<unsigned, kMostPieces> lengths;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    data[i] = reinterpret_cast<const char*>(pieces[i].data());
    lengths[i] = static_cast<unsigned>(pieces[i].size());
  }
  Listener listener{told, context};
  return outcome_of(hs_scan_vector(database.raw(), data.data(), lengths.data(),
                                   static_cast<unsigned>(pieces.size()), 0, scratch.raw(), on_event,
                                   &listener));
}

Outcome scan(hs_stream* stream, const Scratch& scratch, Bytes piece, Told told, void* context) noexcept {
  Listener listener{told, context};
  return outcome_of(hs_scan_stream(stream, reinterpret_cast<const char*>(piece.data()),
                                   static_cast<unsigned>(piece.size()), 0, scratch.raw(), on_event,
                                   &listener));
}

}  // namespace detail

// What is left in it is nobody's: without a scratch no match is told.
void StreamPool::Close::operator()(hs_stream* stream) const noexcept {
  hs_close_stream(stream, nullptr, nullptr, nullptr);
}

Result<StreamPool> StreamPool::make(std::shared_ptr<const Database> database, std::uint32_t most) {
  StreamPool pool(std::move(database));
  pool.streams_.reserve(most);
  pool.free_.resize(most);
  pool.free_count_ = most;
  for (std::uint32_t i = 0; i < most; ++i) {
    hs_stream_t* stream = nullptr;
    if (const hs_error_t error = hs_open_stream(pool.database_->raw(), 0, &stream); error != HS_SUCCESS)
      return failure(fmt::format("open {} streams", most),
                     error == HS_NOMEM ? "there is no memory" : "the patterns are not for streams");
    pool.streams_.emplace_back(stream);
    pool.free_[i] = most - 1 - i;
  }
  return pool;
}

StreamPool::Number StreamPool::take() noexcept { return free_count_ == 0 ? kNone : free_[--free_count_]; }

void StreamPool::give_back(Number stream) noexcept {
  static_cast<void>(hs_reset_stream(streams_[stream].get(), 0, nullptr, nullptr, nullptr));
  free_[free_count_++] = stream;
}

}  // namespace millrace::dpi
