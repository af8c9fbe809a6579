// SPDX-License-Identifier: BSD-3-Clause
// Patterns made ready to be looked for all at once. Compiled off the data path, which takes seconds for ten
// thousand of them; immutable, and shared by all workers.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <tl/expected.hpp>

#include "common/acceleration/dpi/pattern.h"
#include "common/base/reader.h"
#include "common/base/result.h"

struct hs_database;

namespace millrace::dpi {

// What is scanned.
enum class Mode : std::uint8_t {
  kBlock,   // runs of bytes, each by itself
  kVector,  // several runs of bytes as if they stood behind each other
  kStream,  // a piece now and a piece later
};

// A pattern that can not be compiled.
struct PatternFault {
  std::size_t pattern = 0;  // its place in the list
  std::string reason;       // in the words of the library
};

class Database {
 public:
  // An error of no pattern alone (no memory, a processor that Hyperscan can not use) names none.
  struct Fault {
    std::optional<PatternFault> pattern;
    Error error;
  };

  [[nodiscard]] static tl::expected<std::shared_ptr<const Database>, Fault> compile(
      std::span<const Pattern> patterns, Mode mode);
  // What serialize() gave, by the same release of the library on a processor of the same kind.
  [[nodiscard]] static Result<std::shared_ptr<const Database>> restore(Bytes serialized, Mode mode);
  [[nodiscard]] Result<std::string> serialize() const;

  [[nodiscard]] Mode mode() const noexcept { return mode_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
  // Of a stream's state; 0 in other modes.
  [[nodiscard]] std::size_t stream_bytes() const noexcept { return stream_bytes_; }

  // For those who scan.
  [[nodiscard]] const hs_database* raw() const noexcept { return raw_.get(); }

 private:
  struct Free {
    void operator()(hs_database* raw) const noexcept;
  };
  using Raw = std::unique_ptr<hs_database, Free>;

  Database(Raw raw, Mode mode);

  Raw raw_;
  Mode mode_;
  std::size_t bytes_ = 0;
  std::size_t stream_bytes_ = 0;
};

// Null when this processor can scan; else what it lacks.
[[nodiscard]] const char* why_not() noexcept;

}  // namespace millrace::dpi
