// SPDX-License-Identifier: BSD-3-Clause
// Looking for patterns. Data path: no allocation, no system call, no lock.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>
#include <vector>

#include "common/acceleration/dpi/database.h"
#include "common/base/reader.h"
#include "common/base/result.h"

struct hs_scratch;
struct hs_stream;

namespace millrace::dpi {

// What a scan needs beside the database. One worker's own, and of use for every database that it was made
// for.
class Scratch {
 public:
  // Control thread. None of them is null.
  [[nodiscard]] static Result<Scratch> make(std::span<const std::shared_ptr<const Database>> databases);
  [[nodiscard]] Result<Scratch> clone() const;
  [[nodiscard]] std::size_t bytes() const noexcept;

  [[nodiscard]] hs_scratch* raw() const noexcept { return raw_.get(); }

 private:
  struct Free {
    void operator()(hs_scratch* raw) const noexcept;
  };
  using Raw = std::unique_ptr<hs_scratch, Free>;
  explicit Scratch(Raw raw) : raw_(std::move(raw)) {}

  Raw raw_;
};

struct Match {
  std::uint32_t pattern;  // Pattern::id
  std::uint64_t end;      // bytes from the beginning of the block or stream to behind the match
};

// Whether it went to the end.
enum class Outcome : std::uint8_t {
  kDone,
  kStopped,  // the caller did not want more
  kFailed,   // the library did not do it: a scratch or stream of another database
};

namespace detail {

using Told = bool (*)(void* context, Match match) noexcept;
[[nodiscard]] Outcome scan(const Database& database, const Scratch& scratch, Bytes block, Told told,
                           void* context) noexcept;
[[nodiscard]] Outcome scan(const Database& database, const Scratch& scratch, std::span<const Bytes> pieces,
                           Told told, void* context) noexcept;
[[nodiscard]] Outcome scan(hs_stream* stream, const Scratch& scratch, Bytes piece, Told told,
                           void* context) noexcept;

template <class OnMatch>
[[nodiscard]] void* context_of(OnMatch& on_match) noexcept {
  return const_cast<void*>(static_cast<const void*>(&on_match));
}

template <class OnMatch>
bool tell(void* context, Match match) noexcept {
  return (*static_cast<OnMatch*>(context))(match);
}

}  // namespace detail

// Calls `bool on_match(Match) noexcept` for each match, in no order to rely on, until it returns false.
template <class OnMatch>
[[nodiscard]] Outcome scan(const Database& database, const Scratch& scratch, Bytes block,
                           OnMatch&& on_match) noexcept {
  return detail::scan(database, scratch, block, &detail::tell<std::remove_reference_t<OnMatch>>,
                      detail::context_of(on_match));
}

// The same of pieces that stand behind each other, at most kMostPieces.
inline constexpr std::size_t kMostPieces = 32;
template <class OnMatch>
[[nodiscard]] Outcome scan(const Database& database, const Scratch& scratch, std::span<const Bytes> pieces,
                           OnMatch&& on_match) noexcept {
  return detail::scan(database, scratch, pieces, &detail::tell<std::remove_reference_t<OnMatch>>,
                      detail::context_of(on_match));
}

// The states of so many streams, for one worker. All memory is taken at once.
class StreamPool {
 public:
  // A stream that is scanned; none is kNone.
  using Number = std::uint32_t;
  static constexpr Number kNone = 0xffffffff;

  // Control thread.
  [[nodiscard]] static Result<StreamPool> make(std::shared_ptr<const Database> database, std::uint32_t most);

  // kNone when all are taken.
  [[nodiscard]] Number take() noexcept;
  // It begins anew for the next one.
  void give_back(Number stream) noexcept;
  [[nodiscard]] std::uint32_t taken() const noexcept { return most() - free_count_; }
  [[nodiscard]] std::uint32_t most() const noexcept { return static_cast<std::uint32_t>(streams_.size()); }

  // As above; `end` counts from the stream's beginning.
  template <class OnMatch>
  [[nodiscard]] Outcome scan(Number stream, const Scratch& scratch, Bytes piece,
                             OnMatch&& on_match) noexcept {
    return detail::scan(streams_[stream].get(), scratch, piece,
                        &detail::tell<std::remove_reference_t<OnMatch>>, detail::context_of(on_match));
  }

 private:
  struct Close {
    void operator()(hs_stream* stream) const noexcept;
  };
  using Stream = std::unique_ptr<hs_stream, Close>;

  explicit StreamPool(std::shared_ptr<const Database> database) : database_(std::move(database)) {}

  std::shared_ptr<const Database> database_;  // outlives its streams
  std::vector<Stream> streams_;
  std::vector<Number> free_;  // the first free_count_ of them
  std::uint32_t free_count_ = 0;
};

}  // namespace millrace::dpi
