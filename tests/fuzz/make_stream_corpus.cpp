// SPDX-License-Identifier: BSD-3-Clause
// What senders do to a stream: in order, early, twice, over what was there before, and otherwise.
#include <cstdint>
#include <string>
#include <utility>

#include "tests/fuzz/corpus_writer.h"

namespace millrace::fuzz {
namespace {

std::string number(std::uint32_t value, int bytes) {
  std::string text;
  for (; bytes > 0; --bytes, value >>= 8U) text += static_cast<char>(value & 0xffU);
  return text;
}

// The kinds of a step, as the target reads them.
constexpr std::uint8_t kAtEnd = 1;
constexpr std::uint8_t kAtReceiver = 2;
constexpr std::uint8_t kFar = 4;
constexpr std::uint8_t kLong = 8;
constexpr std::uint8_t kAltered = 16;
constexpr std::uint8_t kInPieces = 32;
constexpr std::uint8_t kLost = 64;

constexpr std::uint8_t kRewrite = 1;
constexpr std::uint8_t kFirstKeepsFirst = 2;

std::string settings(unsigned choices, std::uint32_t window, std::uint32_t most_ahead, unsigned pool_kib) {
  return number(choices, 1) + number(window - 1, 2) + number(most_ahead, 2) + number(pool_kib, 1) +
         number(0xfffffff0, 4) + number(1, 4);
}

class Steps {
 public:
  explicit Steps(std::string begin) : text_(std::move(begin)) {}

  // `more`: which byte is altered, then the pieces.
  Steps& segment(unsigned kind, int offset, unsigned length, const std::string& more = {}) {
    text_ += number(first_ ? 1 : 0, 1) + number(kind, 1) +
             number(static_cast<std::uint32_t>(offset), (kind & kFar) != 0 ? 2 : 1) +
             number(length, (kind & kLong) != 0 ? 2 : 1) + more;
    return *this;
  }
  Steps& acknowledge() { return step(0x80); }
  Steps& renege() { return step(0xc0); }
  Steps& acknowledge_falsely(unsigned ahead) {
    step(0xe0);
    text_ += number(ahead, 2);
    return *this;
  }
  Steps& turn_to(bool first) {
    first_ = first;
    return *this;
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  Steps& step(unsigned kind) {
    text_ += number(first_ ? 1 : 0, 1) + number(kind, 1);
    return *this;
  }

  std::string text_;
  bool first_ = true;
};

std::string overlaps(unsigned choices) {
  return Steps(settings(choices, 1000, 0xffff, 64))
      .segment(kAtEnd, 0, 100)
      .segment(kAtEnd, 50, 100)
      .segment(kAltered, 90, 30, number(5, 2))
      .segment(kAltered | kInPieces, 30, 120, number(119, 2) + std::string("\3\12\0\100", 4))
      .segment(kAltered, -5, 90, number(20, 2))
      .segment(kAltered | kAtEnd, 60, 20, number(3, 2))
      .segment(kAtEnd, 0, 60)
      .acknowledge()
      .text();
}

}  // namespace

void write_stream(Corpus& corpus) {
  const auto write = [&](const std::string& name, const std::string& text) {
    corpus.write("stream", name, text);
  };
  Steps in_order(settings(0, 1024, 0xffff, 64));
  for (int i = 0; i < 7; ++i) in_order.segment(kAtEnd, 0, 200).acknowledge();
  write("in_order", in_order.turn_to(false).segment(kAtEnd, 0, 200).text());

  write("reordered", Steps(settings(kFirstKeepsFirst, 2000, 0xffff, 64))
                         .segment(kAtEnd, 100, 100)
                         .segment(kAtEnd, 50, 20)
                         .segment(kAtEnd, 0, 60)
                         .segment(kAtEnd, 0, 40)
                         .acknowledge()
                         .segment(kAtEnd | kLong, 0, 2000)
                         .acknowledge()
                         .text());
  write("overlaps_dropped", overlaps(0));
  write("overlaps_rewritten", overlaps(kRewrite));

  Steps lost(settings(0, 1200, 0xffff, 64));
  for (int i = 0; i < 5; ++i) {
    lost.segment(kAtEnd | kLost, 0, 150).segment(kAtEnd, 0, 100).acknowledge();
    lost.segment(kAtReceiver, 0, 250).acknowledge();
  }
  write("lost_and_again", lost.text());

  write("keepalive", Steps(settings(0, 400, 0xffff, 64))
                         .segment(kAtEnd, 0, 100)
                         .acknowledge()
                         .segment(kAtEnd | kAltered, -1, 1, number(0, 2))
                         .segment(kAtEnd, 0, 100)
                         .acknowledge_falsely(0x7fff)
                         .segment(kAtEnd | kAltered, -1, 1, number(0, 2))
                         .text());

  Steps holes(settings(kRewrite, 4000, 300, 64));
  for (int i = 0; i < 10; ++i) holes.segment(kAtEnd, 3 + 4 * i, 2);
  write("holes", holes.segment(kAtEnd | kFar, 290, 20).segment(kAtEnd, 0, 100).renege().acknowledge().text());

  Steps memory(settings(0, 8192, 0xffff, 4));
  for (int i = 0; i < 4; ++i) {
    memory.turn_to(true).segment(kAtEnd | kLong, 0, 1460).acknowledge();
    memory.turn_to(false).segment(kAtEnd | kLong, 0, 700);
  }
  write("little_memory", memory.text());
}

}  // namespace millrace::fuzz
