// SPDX-License-Identifier: BSD-3-Clause
// Key material on its way to a library: wiped when it goes.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "common/base/reader.h"

namespace millrace::crypto {

// Bytes. One owner; memory that held them is never given back unwiped.
class Secret {
 public:
  Secret() = default;
  explicit Secret(Bytes bytes) : bytes_(bytes.begin(), bytes.end()) {}
  ~Secret() { wipe(); }
  Secret(Secret&& other) noexcept : bytes_(std::move(other.bytes_)) { other.bytes_.clear(); }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      wipe();
      bytes_ = std::move(other.bytes_);
      other.bytes_.clear();
    }
    return *this;
  }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;

  [[nodiscard]] Bytes bytes() const noexcept { return bytes_; }

  void wipe() noexcept;

 private:
  std::vector<std::uint8_t> bytes_;
};

// Of text that held a secret.
void wipe(std::string& text) noexcept;

}  // namespace millrace::crypto
