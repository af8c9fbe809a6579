// SPDX-License-Identifier: BSD-3-Clause
// A stream of the firewall beside a naive model of it, and a receiver behind both that gets what they let
// through. Positions are counted in 64 bits from the first byte, so that no arithmetic is shared.
//
// What does not hold is thrown as std::logic_error.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "vnfs/firewall/inspection/stream.h"

namespace millrace::testing {

using firewall::inspection::BufferPool;
using firewall::inspection::OnConflict;
using firewall::inspection::Stream;
using firewall::inspection::StreamSettings;
using firewall::inspection::StreamVerdict;

// Which of two different copies of a byte it keeps that it could not deliver yet.
enum class Keeps { kFirst, kLast };

// Delivers bytes in order, keeps what is ahead, and cuts off what it has delivered.
class StreamReceiver {
 public:
  explicit StreamReceiver(Keeps keeps) : keeps_(keeps) {}

  void receive(std::int64_t position, Bytes bytes);
  void renege() { ahead_.clear(); }  // RFC 2018 section 8
  [[nodiscard]] const std::vector<std::uint8_t>& delivered() const { return delivered_; }

 private:
  Keeps keeps_;
  std::vector<std::uint8_t> delivered_;
  std::map<std::int64_t, std::uint8_t> ahead_;
};

// What the stream has to say and to do, by a map of the first copy of each byte.
class StreamModel {
 public:
  explicit StreamModel(std::int64_t window) : window_(window) {}

  // The verdict, were there memory. `bytes` become what may pass; only `keep` says whether they did.
  [[nodiscard]] StreamVerdict offer(std::int64_t position, std::vector<std::uint8_t>& bytes,
                                    const StreamSettings& settings) const;
  void keep(std::int64_t position, Bytes bytes);
  void acknowledge(std::int64_t position);

  [[nodiscard]] std::int64_t in_order_end() const { return static_cast<std::int64_t>(in_order_.size()); }
  [[nodiscard]] std::int64_t highest_end() const {
    return first_copy_.empty() ? 0 : first_copy_.rbegin()->first + 1;
  }
  [[nodiscard]] const std::vector<std::uint8_t>& in_order() const { return in_order_; }
  [[nodiscard]] bool done() const { return acknowledged_ == window_; }

 private:
  [[nodiscard]] unsigned runs_with(std::int64_t begin, std::int64_t end) const;

  std::int64_t window_;
  std::int64_t acknowledged_ = 0;
  std::map<std::int64_t, std::uint8_t> first_copy_;
  std::vector<std::uint8_t> in_order_;
};

class StreamWatch {
 public:
  StreamWatch(BufferPool& pool, std::uint32_t first_sequence, const StreamSettings& settings, Keeps keeps);
  ~StreamWatch() { stream_.end(pool_); }
  StreamWatch(const StreamWatch&) = delete;
  StreamWatch& operator=(const StreamWatch&) = delete;

  // A segment in pieces of the lengths `cuts` (the last is what is left); when it passes, the receiver gets
  // it unless it is lost.
  StreamVerdict offer(std::int64_t position, std::vector<std::uint8_t> bytes,
                      const std::vector<std::size_t>& cuts, bool lost);
  // The receiver says how far it is.
  void acknowledge();
  // It has got all that has gone by, and says it has more.
  void acknowledge_falsely(std::uint32_t ahead);
  void renege() { receiver_.renege(); }

  [[nodiscard]] std::int64_t in_order_end() const { return model_.in_order_end(); }
  [[nodiscard]] std::int64_t delivered() const {
    return static_cast<std::int64_t>(receiver_.delivered().size());
  }
  [[nodiscard]] bool done() const { return stream_.done(); }

 private:
  [[nodiscard]] std::uint32_t sequence(std::int64_t position) const {
    return first_ + static_cast<std::uint32_t>(position);
  }
  void check() const;

  BufferPool& pool_;
  StreamSettings settings_;
  std::uint32_t first_;
  Stream stream_{};
  StreamModel model_;
  StreamReceiver receiver_;
};

}  // namespace millrace::testing
