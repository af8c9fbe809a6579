// SPDX-License-Identifier: BSD-3-Clause
// What must hold on a worker after start, whatever the appliance: counted on a bed under all the traffic that
// its function can meet.
#pragma once

#include <algorithm>
#include <array>
#include <cstdio>
#include <functional>
#include <memory>
#include <random>
#include <span>
#include <string_view>

#include <rte_mbuf.h>
#include <valgrind/callgrind.h>

#include "common/net/checksum.h"
#include "tests/benchmark/count_allocations.h"
#include "tests/benchmark/pipeline_bed.h"

namespace millrace::benchmark::gate {

inline constexpr int kHolds = 0;
inline constexpr int kBroken = 1;
inline constexpr int kSkipped = 77;

// Breaks packets in every place.
class Spoiler {
 public:
  // Of the appliance itself, to be written into some.
  Spoiler(std::uint32_t own4, const net::Ipv6Address& own6, unsigned seed)
      : own4_(own4), own6_(own6), random_(seed) {}

  void operator()(rte_mbuf* mbuf) {
    auto* bytes = rte_pktmbuf_mtod(mbuf, std::uint8_t*);
    const auto choice = static_cast<std::uint32_t>(random_());
    const bool ipv6 = (bytes[14] >> 4) == 6;
    auto& ip = *reinterpret_cast<net::Ipv4Header*>(bytes + 14);
    switch (choice % 6) {
      case 0:  // cut
        mbuf->data_len = static_cast<std::uint16_t>(choice / 8 % mbuf->data_len);
        mbuf->pkt_len = mbuf->data_len;
        break;
      case 1:  // its last hop
        bytes[ipv6 ? 21 : 22] = 1;
        if (!ipv6) net::set_ipv4_checksum(ip);
        break;
      case 2:  // to the appliance itself
        if (ipv6) {
          (*reinterpret_cast<net::Ipv6Header*>(bytes + 14)).destination = own6_;
        } else {
          ip.destination.value = be32(own4_);
          net::set_ipv4_checksum(ip);
        }
        break;
      case 3:  // a fragment
        if (ipv6) break;
        ip.fragment = be16(static_cast<std::uint16_t>(choice >> 8 & 0x2003));
        ip.id = be16(static_cast<std::uint16_t>(choice >> 16 & 0xff));
        net::set_ipv4_checksum(ip);
        break;
      case 4:  // unfinished, an aggregate or not
        mbuf->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_NONE | (choice / 8 % 2 != 0 ? RTE_MBUF_F_RX_LRO : 0);
        mbuf->tso_segsz = 256;
        break;
      default:  // any byte of the headers
        bytes[12 + choice / 8 % (mbuf->data_len - 12U)] ^= static_cast<std::uint8_t>(1U << (choice >> 29));
    }
  }

 private:
  std::uint32_t own4_;
  net::Ipv6Address own6_;
  std::mt19937 random_;
};

// Traffic of all kinds and the bed it goes through.
class Trouble {
 public:
  virtual ~Trouble() = default;
  [[nodiscard]] virtual PipelineBed& bed() noexcept = 0;
  // A window of packets waits for the worker.
  virtual void fill() = 0;
  // The same policy under another generation.
  virtual void renew() = 0;
  // Whether `packets` have brought about what they should; says what.
  [[nodiscard]] virtual bool has_reached(unsigned packets) = 0;
};

struct Kind {
  std::string_view name;
  std::function<std::unique_ptr<Trouble>()> make;
};

// Forwards established traffic for callgrind, which collects on the worker's path only (instructions.py).
int count_instructions(PipelineBed& bed, unsigned warm_up = 16, unsigned windows = 64);
// Half a million packets of each kind: no call of the allocator.
int check_allocations(std::span<const Kind> kinds);
// The same in a process that the kernel kills at its first system call.
int check_system_calls(std::span<const Kind> kinds);

// What else callgrind can count, by the mode that asks for it: so many windows after as many.
struct Counted {
  std::string_view mode;
  std::function<std::unique_ptr<PipelineBed>()> make;
  unsigned warm_up;
  unsigned windows;
};

// The mode is the program's only argument. Returns the exit status: 0: it holds; 1: it does not; 77: this
// machine cannot tell.
int run(int argc, char** argv, const std::function<std::unique_ptr<PipelineBed>()>& make_bed,
        std::span<const Kind> kinds, std::span<const Counted> counted = {});

}  // namespace millrace::benchmark::gate
