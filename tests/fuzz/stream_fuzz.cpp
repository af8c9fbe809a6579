// SPDX-License-Identifier: BSD-3-Clause
// Segments and acknowledgments of two streams from bytes, beside a naive model and with a receiver behind.
// What must hold is what StreamWatch asks for, and that the pool gets everything back.
#include <algorithm>
#include <optional>
#include <vector>

#include "tests/fuzz/input.h"
#include "tests/support/stream_watch.h"

namespace {

using namespace millrace;
using firewall::inspection::BufferPool;
using firewall::inspection::OnConflict;
using firewall::inspection::StreamSettings;
using millrace::testing::Keeps;
using millrace::testing::StreamWatch;

// The sender's own bytes, of which some input then changes one.
std::uint8_t byte_at(std::int64_t position) {
  return static_cast<std::uint8_t>(position * 7 + position / 64);
}

void send(StreamWatch& watch, std::uint8_t kind, fuzz::Input& input) {
  // From the in-order end, from where the receiver is, or from the first byte: rarely far, often near.
  const std::int64_t from = (kind & 1U) != 0   ? watch.in_order_end()
                            : (kind & 2U) != 0 ? watch.delivered()
                                               : 0;
  const std::int64_t offset =
      (kind & 4U) != 0 ? static_cast<std::int16_t>(input.u16()) : static_cast<std::int8_t>(input.u8());
  const std::int64_t position = from + offset;
  const std::size_t length = (kind & 8U) != 0 ? input.u16() % 5000U : input.u8();
  std::vector<std::uint8_t> bytes;
  for (std::size_t i = 0; i < length; ++i) bytes.push_back(byte_at(position + static_cast<std::int64_t>(i)));
  if ((kind & 16U) != 0 && length != 0) bytes[input.u16() % length] ^= 0x55;
  std::vector<std::size_t> cuts;
  for (unsigned count = kind >> 5U & 1U ? input.u8() % 6U : 0; count > 0; --count) cuts.push_back(input.u8());
  watch.offer(position, std::move(bytes), cuts, (kind & 0x40U) != 0);
}

void step(StreamWatch& watch, fuzz::Input& input) {
  const std::uint8_t kind = input.u8();
  if ((kind & 0x80U) == 0) {
    send(watch, kind, input);
  } else if (kind < 0xc0) {
    watch.acknowledge();
  } else if (kind < 0xe0) {
    watch.renege();
  } else {
    watch.acknowledge_falsely(input.u16());
  }
}

}  // namespace

// First the settings: choices, window, most_ahead, KiB of the pool, and each stream's first sequence number.
// Then steps, each with the stream it is about.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, std::min<std::size_t>(size, 4096));
  const std::uint8_t choices = input.u8();
  StreamSettings settings;
  settings.on_conflict = (choices & 1U) != 0 ? OnConflict::kRewrite : OnConflict::kDrop;
  settings.inspect_bytes = 1U + input.u16() % 8192U;
  settings.most_ahead = input.u16();
  BufferPool pool(std::size_t{input.u8()} * 1024);
  {
    StreamWatch first(pool, input.u32(), settings, (choices & 2U) != 0 ? Keeps::kFirst : Keeps::kLast);
    StreamWatch second(pool, input.u32(), settings, (choices & 4U) != 0 ? Keeps::kFirst : Keeps::kLast);
    while (!input.empty()) step((input.u8() & 3U) != 0 ? first : second, input);
  }
  fuzz::require(pool.bytes_in_use() == 0, "the pool gets everything back");
  return 0;
}
