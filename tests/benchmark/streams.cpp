// SPDX-License-Identifier: BSD-3-Clause
// What it costs to keep a stream of the firewall's inspection, in cycles of the time stamp counter for a
// segment of 1,460 bytes: beside one memcpy of the same bytes in the same order.
//
//   benchmark_streams
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <vector>

#include <x86intrin.h>

#include "vnfs/firewall/inspection/stream.h"

namespace {

using namespace millrace;
using namespace millrace::firewall::inspection;

constexpr std::uint32_t kSegment = 1460;
constexpr std::size_t kSource = 64;  // segments' worth of payload, as of packets in their ring

// Cycles a segment, the best of some rounds.
template <class Round>
double best_cycles(std::size_t segments, Round round) {
  double best = 1e9;
  for (int i = 0; i < 9; ++i) {
    const std::uint64_t begin = __rdtsc();
    round();
    best = std::min(best, static_cast<double>(__rdtsc() - begin) / static_cast<double>(segments));
  }
  return best;
}

struct Case {
  const char* name;
  std::uint32_t window;
  std::size_t streams;
  bool swapped;  // every two segments come in the wrong order
};

// All streams go forward together, a segment each in turn, from begin() to end().
void play(BufferPool& pool, std::vector<Stream>& streams, std::vector<std::uint8_t>& source,
          const Case& what) {
  const StreamSettings settings{.inspect_bytes = what.window};
  const std::uint32_t segments = what.window / kSegment / 2 * 2;
  for (Stream& stream : streams) stream.begin(1, settings);
  std::size_t refusals = 0;
  for (std::uint32_t i = 0; i < segments; ++i) {
    const std::uint32_t sequence = 1 + (what.swapped ? i ^ 1U : i) * kSegment;
    for (std::size_t k = 0; k < streams.size(); ++k) {
      const std::array<MutableBytes, 1> pieces = {
          MutableBytes(source).subspan((k + i) % kSource * kSegment, kSegment)};
      refusals += refused(streams[k].offer(pool, sequence, pieces, settings).verdict) ? 1 : 0;
      streams[k].acknowledged(sequence);
    }
  }
  for (Stream& stream : streams) stream.end(pool);
  if (refusals != 0) std::printf("%zu segments were refused\n", refusals);
}

double copying(std::vector<std::uint8_t>& source, const Case& what) {
  const std::uint32_t segments = what.window / kSegment / 2 * 2;
  const std::size_t stride = BufferPool::block_size(what.window);
  std::vector<std::uint8_t> target(stride * what.streams, 1);
  return best_cycles(segments * what.streams, [&] {
    for (std::uint32_t i = 0; i < segments; ++i) {
      for (std::size_t k = 0; k < what.streams; ++k) {
        std::memcpy(target.data() + k * stride + std::size_t{i} * kSegment,
                    source.data() + (k + i) % kSource * kSegment, kSegment);
      }
      asm volatile("" : : "r"(target.data()) : "memory");
    }
  });
}

}  // namespace

int main() {
  constexpr std::array kCases = {
      Case{"one, 16 KiB", 16U << 10U, 1, false}, Case{"one, 64 KiB", 64U << 10U, 1, false},
      Case{"one, 1 MiB", 1U << 20U, 1, false}, Case{"2,000, 64 KiB", 64U << 10U, 2000, false},
      Case{"one, 64 KiB, swapped", 64U << 10U, 1, true}};
  std::printf("%-22s %16s %16s\n", "streams, window", "cycles/segment", "memcpy alone");
  for (const Case& what : kCases) {
    BufferPool pool(2 * std::size_t{BufferPool::block_size(what.window)} * what.streams);
    std::vector<Stream> streams(what.streams);
    std::vector<std::uint8_t> source(kSource * kSegment, 7);
    const std::size_t segments = what.window / kSegment / 2 * 2 * what.streams;
    const double ours = best_cycles(segments, [&] { play(pool, streams, source, what); });
    std::printf("%-22s %16.0f %16.0f\n", what.name, ours, copying(source, what));
  }
  return 0;
}
