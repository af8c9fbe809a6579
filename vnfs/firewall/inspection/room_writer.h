// SPDX-License-Identifier: BSD-3-Clause
// Texts written behind each other into a worker's room.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "common/base/reader.h"
#include "vnfs/firewall/inspection/room.h"

namespace millrace::firewall::inspection {

class RoomWriter {
 public:
  // Takes `most` bytes of the room, or none when there are not so many.
  RoomWriter(Room& room, std::size_t most) noexcept : room_(room), bytes_(room.take(most)) {}
  RoomWriter(const RoomWriter&) = delete;
  RoomWriter& operator=(const RoomWriter&) = delete;
  // What was written stays taken.
  ~RoomWriter() { room_.give_back(bytes_.size() - used_); }

  void put(std::uint8_t c) noexcept {
    if (used_ == bytes_.size()) {
      full_ = true;
      return;
    }
    bytes_[used_++] = c;
  }
  void put(Bytes text) noexcept {
    if (bytes_.size() - used_ < text.size()) {
      full_ = true;
      return;
    }
    if (!text.empty()) std::memcpy(bytes_.data() + used_, text.data(), text.size());
    used_ += text.size();
  }
  void put(std::string_view text) noexcept {
    put(Bytes{reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  }

  // What was written since the last take(); it is one text.
  [[nodiscard]] MutableBytes take() noexcept {
    const MutableBytes text = bytes_.subspan(begin_, used_ - begin_);
    begin_ = used_;
    return text;
  }
  // Of what was not taken yet, all behind the first `length` bytes is not needed.
  void cut(std::size_t length) noexcept { used_ = begin_ + length; }
  [[nodiscard]] MutableBytes written() const noexcept { return bytes_.subspan(begin_, used_ - begin_); }

  [[nodiscard]] std::size_t used() const noexcept { return used_; }
  // Something was left out.
  [[nodiscard]] bool full() const noexcept { return full_; }

 private:
  Room& room_;
  MutableBytes bytes_;
  std::size_t begin_ = 0;
  std::size_t used_ = 0;
  bool full_ = false;
};

}  // namespace millrace::firewall::inspection
