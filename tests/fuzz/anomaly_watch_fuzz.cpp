// SPDX-License-Identifier: BSD-3-Clause
// Sessions and names of any kind, watched by two workers and judged each second. What must hold: nothing is
// counted that was not there, what is told can be printed, and no more is told than may be.
#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "tests/fuzz/input.h"
#include "vnfs/firewall/inspection/anomaly_detector.h"
#include "vnfs/firewall/inspection/query_name.h"

namespace {

using namespace millrace;
using namespace millrace::firewall::inspection;
using fuzz::Input;
using fuzz::require;

constexpr std::size_t kMostOpen = 3;
constexpr SipKey kSeed = {1, 2};

Opening opening_of(Input& input) {
  const std::uint8_t kind = input.u8();
  net::Ipv6Address source{};
  source.bytes[0] = 0x20;
  source.bytes[7] = source.bytes[15] = input.u8() % 4;
  Opening made{.source = source,
               .destination = net::Ipv6Address{},
               .port = input.u16(),
               .protocol = (kind & 1U) != 0 ? std::uint8_t{17} : std::uint8_t{6},
               .segment = flow::Segment::domain(kind >> 6U)};
  if ((kind & 2U) != 0) {
    made.source = net::Ipv4Address{be32(input.u8() % 8)};
    made.destination = net::Ipv4Address{be32(input.u8())};
  }
  return made;
}

void check_query(Bytes message) {
  std::array<std::uint8_t, QueryName::kLongest> text;
  const Bytes name = read_query_name(message, text);
  require(name.size() <= QueryName::kLongest - 2, "a name has 255 octets on the wire at most");
  require(name.empty() || name.size() < message.size(), "a name is read from what is there");
}

void check_name(Bytes name) {
  const QueryName weighed = weigh_query_name(name);
  require(weighed.domain.size() + weighed.carried <= name.size(), "a name carries no more than it has");
  require(weighed.longest <= weighed.carried, "a label is part of the name");
  require(weighed.entropy_16 <= 8 * 16, "a byte has eight bits");
  require(
      weighed.domain.empty() || (weighed.domain.data() >= name.data() &&
                                 weighed.domain.data() + weighed.domain.size() <= name.data() + name.size()),
      "the domain is part of the name");
}

void check(const Anomaly& anomaly) {
  require(!anomaly.sentence.empty(), "an anomaly has its sentence");
  require(std::all_of(anomaly.sentence.begin(), anomaly.sentence.end(),
                      [](char c) { return c >= ' ' && c <= '~'; }),
          "a sentence can be printed");
  for (const Fact& fact : anomaly.evidence) require(fact.value >= 0, "no number of an anomaly is negative");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 4096) return 0;
  Input input(data, size);
  const WatchLimits limits{.pairs = 16, .ports = 16, .services = 8, .domains = 8};
  const WatchSettings settings{.limits = limits};
  AnomalySettings judged;
  judged.sensitivity = 8;
  judged.most_open = kMostOpen;
  for (auto& kind : judged.kinds) kind.block_for_s = 10;
  Tick now = input.u32();
  TrafficWatch one(settings, kSeed, now);
  TrafficWatch other(settings, kSeed, now);
  AnomalyDetector detector(judged, {.pairs = 16, .ports = 16, .services = 8, .domains = 8}, 64, kSeed, now);
  detector.set_watches({&one, &other});
  while (!input.empty()) {
    const std::uint8_t step = input.u8();
    TrafficWatch& watch = (step & 0x80U) != 0 ? one : other;
    const unsigned times = 1 + (step >> 3U & 15U) * 4;
    switch (step & 7U) {
      case 0: {
        const auto bytes = input.bytes(input.u8());
        // A copy of the exact size, so that a sanitizer sees the first byte read past the end.
        const std::vector<std::uint8_t> name(bytes.begin(), bytes.end());
        check_name(name);
        check_query(name);
        watch.asked(net::Ipv4Address{be32(times)}, {}, name);
        break;
      }
      case 1: {
        now += std::uint32_t{input.u8()} * 20;
        one.turn(now);
        other.turn(now);
        const AnomalyChanges changes = detector.poll(now);
        for (const auto& anomaly : changes.raised) check(anomaly);
        for (const auto& anomaly : changes.cleared) check(anomaly);
        require(detector.open().size() <= kMostOpen, "no more are open than may be");
        break;
      }
      default: {
        Opening opening = opening_of(input);
        for (unsigned i = 0; i < times; ++i) {
          if ((step & 7U) == 2) watch.refused(opening);
          if ((step & 7U) == 3) watch.established(opening);
          if ((step & 7U) == 4) watch.ended(opening, true, 2000, 100);
          if ((step & 7U) > 4) watch.opened(opening);
          ++opening.port;
        }
      }
    }
  }
  return 0;
}
