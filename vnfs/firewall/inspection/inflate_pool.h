// SPDX-License-Identifier: BSD-3-Clause
// Unpacking gzip (RFC 1952), zlib (RFC 1950) and deflate (RFC 1951) as it comes, with a fixed number of
// states. A worker's own; all memory is taken when it is made, zlib's own included.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "common/base/page_array.h"
#include "common/base/reader.h"
#include "vnfs/firewall/inspection/body_store.h"

namespace millrace::firewall::inspection {

class InflatePool {
 public:
  // A state in use; 0 is none.
  using Number = std::uint16_t;

  enum class Format : std::uint8_t {
    kGzip,     // one member after another, which is what a file may be (RFC 1952 section 2.2)
    kDeflate,  // RFC 9110 section 8.4.1.2: in a zlib wrapper, or bare as some servers send it
  };

  enum class Outcome : std::uint8_t {
    kMore,     // all was used
    kDone,     // it has ended, and nothing is behind it
    kBad,      // it is not so packed, or something else follows
    kTooLong,  // more would have been unpacked than the limit
    kNotKept,  // the store has no memory
  };
  struct Fed {
    Outcome outcome = Outcome::kMore;
    std::size_t used = 0;  // bytes that need not be given again; the rest has to be, with more behind it
  };

  // About 44 KiB each. Throws std::bad_alloc.
  explicit InflatePool(std::uint16_t states);
  ~InflatePool();
  InflatePool(const InflatePool&) = delete;
  InflatePool& operator=(const InflatePool&) = delete;

  // 0 when all are taken.
  [[nodiscard]] Number take(Format format) noexcept;
  void give_back(Number state) noexcept;
  [[nodiscard]] std::uint16_t taken() const noexcept {
    return static_cast<std::uint16_t>(states_.size() - free_count_);
  }

  // Unpacks what follows behind what was used before, to the end of `store`, which never has more than `most`
  // bytes. kDone may be followed by another member; after any of the others but kMore it is of no more use.
  [[nodiscard]] Fed feed(Number number, Bytes packed, BodyStore& store, std::size_t most) noexcept;

 private:
  struct State;
  struct Memory;
  static constexpr std::size_t kOutputBytes = std::size_t{16} << 10;

  PageArray<std::uint8_t> memory_;
  PageArray<std::uint8_t> output_;  // of one call
  std::vector<std::unique_ptr<State>> states_;
  std::vector<Number> free_;  // the first free_count_ of them
  std::uint16_t free_count_ = 0;
};

}  // namespace millrace::firewall::inspection
