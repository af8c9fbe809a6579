// SPDX-License-Identifier: BSD-3-Clause
// Captures nobody here made, many of them malformed on purpose, through the whole firewall. After each file
// packets are conserved; at the end no packet buffer is lost. What the firewall does with each packet is no
// matter here: the sanitizers and the counters judge.
//
// The captures are those under captures/ of the folder that the environment's MILLRACE_CORPUS names; without
// it, of shared/corpus beside the source tree.
#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>

#include <gtest/gtest.h>
#include <rte_mempool.h>

#include "common/net/wire.h"
#include "tests/packet/inspection/inspection_bed.h"
#include "tests/support/corpus.h"
#include "tests/support/firewall_policy.h"
#include "tests/support/networks.h"
#include "tests/support/pcap_reader.h"
#include "tests/support/scenario.h"
#include "tests/support/testbed.h"
#include "vnfs/firewall/function.h"

namespace millrace::testing {
namespace {

namespace fs = std::filesystem;

fs::path captures() { return testing::corpus_folder() / "captures"; }

constexpr std::uint32_t kSessions = 512;  // few enough to run out
constexpr std::size_t kLongest = 65'535;  // of a frame; longer ones are cut
constexpr std::size_t kBuffer = RTE_MBUF_DEFAULT_DATAROOM;
constexpr std::size_t kPacketsPerRound = 64;

PolicySpec accept_all() { return {}; }

PolicySpec default_drop() {
  PolicySpec spec;
  spec.rules = {accept("web").service("tcp/80"), accept("names").service("udp/53"),
                accept("echo").service("icmp/8"), reject("rest of tcp").service("tcp/0-65535"),
                reject("high udp").service("udp/1024-65535")};
  spec.otherwise = firewall::Action::kDrop;
  return spec;
}

// Every address is behind one of the two ports.
std::shared_ptr<const core::Network> everything_routed() {
  NetworkBuilder builder;
  builder.interface(core::PortId(0), "low", {"192.0.2.1/32", "2001:db8::1/128"})
      .interface(core::PortId(1), "high", {"192.0.2.2/32", "2001:db8::2/128"})
      .mtu(1280);
  const std::string low = neighbor_mac(0).to_string();
  const std::string high = neighbor_mac(1).to_string();
  builder.route("0.0.0.0/1", "low", low).route("128.0.0.0/1", "high", high);
  builder.route("::/1", "low", low).route("8000::/1", "high", high).route("2000::/4", "high", high);
  return builder.build();
}

// As an Ethernet frame; nothing when it is of a link that has neither Ethernet nor bare IP.
std::optional<Frame> frame_of(const CapturedPacket& packet) {
  namespace link = link_type;
  Frame frame;
  switch (packet.link_type) {
    case link::kEthernet:
      break;
    case link::kRaw:
    case link::kRawBsd:
    case link::kRawOpenBsd:
    case link::kIpv4:
    case link::kIpv6: {
      const bool v6 = !packet.bytes.empty() && packet.bytes[0] >> 4U == 6;
      frame = testing::packet()
                  .ethernet(neighbor_mac(0), interface_mac(0))
                  .ether_type(v6 ? 0x86dd : 0x0800)
                  .bytes();
      break;
    }
    default:
      return std::nullopt;
  }
  frame.insert(frame.end(), packet.bytes.begin(), packet.bytes.end());
  frame.resize(std::min(frame.size(), kLongest));
  return frame;
}

// The two ends of a talk come by different ports: the one whose address is the greater, where there is one,
// by the second.
unsigned port_of(const Frame& frame) {
  constexpr std::size_t kIp = sizeof(net::EthernetHeader);
  const bool v6 = frame.size() > kIp && frame[kIp] >> 4U == 6;
  const std::size_t source = kIp + (v6 ? 8 : 12);
  const std::size_t length = v6 ? 16 : 4;
  if (frame.size() < source + 2 * length) return 0;
  return std::memcmp(&frame[source], &frame[source + length], length) > 0 ? 1 : 0;
}

struct Variant {
  bool transparent;
  unsigned workers;
  bool begin_open;  // accept everything first and drop by default after the middle, or the other way round
  bool inspect = false;  // all that is accepted is looked into
};

class CorpusReplay : public ::testing::TestWithParam<Variant> {
 protected:
  void SetUp() override {
    if (!fs::is_directory(captures())) GTEST_SKIP() << captures() << " is not there";
    ensure_eal(64);
    network_ = GetParam().transparent ? transparent_network() : everything_routed();
    const std::size_t interfaces = network_->interfaces.size();
    policies_ = {maker_.make(accept_all(), interfaces), maker_.make(default_drop(), interfaces)};
    firewall::Limits limits{.sessions = kSessions, .rule_slots = 64};
    if (GetParam().inspect) {
      policies_ = {looked_into(interfaces), looked_into(interfaces)};
      limits.inspection = {.conversations = 300, .stream_bytes = std::size_t{4} << 20, .events = 1024};
    }
    bed_ = std::make_unique<Testbed>(
        TestbedConfig{.workers = GetParam().workers, .burst = 32, .buffers = 8191, .ring_size = 2048},
        snapshot(true), [&](const core::WorkerServices& services) {
          auto made = std::make_unique<firewall::FirewallFunction>(limits, services);
          states_.push_back(&made->state());
          return made;
        });
    for (const firewall::WorkerState* state : states_) now_ = std::max(now_, state->services.now);
    bed_->set_time(now_);
  }

  // With every signature that others wrote, and some that match often; captures may begin in mid-connection.
  std::shared_ptr<const firewall::Policy> looked_into(std::size_t interfaces) {
    std::ifstream file(captures().parent_path() / "rules/emerging-threats-odd.rules", std::ios::binary);
    std::stringstream text;
    text << file.rdbuf()
         << "\nalert tcp any any -> any any (content:\"e\"; content:\"t\"; distance:1; within:20; sid:1;)\n"
            "drop udp any any -> any any (content:\"|00 00 00|\"; threshold:type both, track by_src, count "
            "5, seconds 1; "
            "sid:2;)\n"
            "alert http any any -> any any (pcre:\"/[a-z]+\\/[a-z]+/U\"; http_uri; content:\"/\"; sid:3;)\n";
    static const auto inspection =
        make_inspection({.signatures = text.str(), .others = true, .inspect_bytes = 32'768}, 2);
    PolicySpec spec = accept_all();
    spec.tcp.midstream_pickup = true;
    auto policy = std::make_shared<firewall::Policy>(*maker_.make(spec, interfaces));
    policy->inspections = {inspection};
    policy->otherwise.inspection = 1;
    return policy;
  }

  core::Snapshot snapshot(bool first_half) {
    return {.network = network_, .policy = policies_[first_half == GetParam().begin_open ? 0 : 1]};
  }

  void replay(const std::vector<Frame>& frames) {
    bed_->publish(snapshot(true));
    for (std::size_t i = 0; i < frames.size(); ++i) {
      if (i == frames.size() / 2) {
        bed_->run();
        bed_->publish(snapshot(false));
      }
      receive(frames[i], i);
      if (i % kPacketsPerRound == kPacketsPerRound - 1) round();
    }
    round();
  }

  void receive(Frame frame, std::size_t number) {
    const unsigned port = port_of(frame);
    if (!GetParam().transparent && frame.size() >= 6 && (frame[0] & 1U) == 0) {
      const auto mac = interface_mac(port).bytes;
      std::copy(mac.begin(), mac.end(), frame.begin());
    }
    bed_->receive(port, mbuf_of(frame), static_cast<unsigned>(number) % GetParam().workers);
  }

  rte_mbuf* mbuf_of(std::span<const std::uint8_t> frame) {
    rte_mbuf* head = nullptr;
    do {
      rte_mbuf* mbuf = rte_pktmbuf_alloc(bed_->pool());
      if (mbuf == nullptr) throw std::runtime_error("no packet buffer");
      const auto part = frame.first(std::min(frame.size(), kBuffer));
      char* room = rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(part.size()));
      if (!part.empty()) std::memcpy(room, part.data(), part.size());
      frame = frame.subspan(part.size());
      if (head == nullptr) {
        head = mbuf;
      } else if (rte_pktmbuf_chain(head, mbuf) != 0) {
        throw std::runtime_error("too many segments");
      }
    } while (!frame.empty());
    return head;
  }

  void round() {
    bed_->run();
    for (unsigned port = 0; port < 2; ++port) sent_ += bed_->transmitted(port).size();
    (void)bed_->to_host();
    now_ += 100;
    bed_->set_time(now_);
  }

  [[nodiscard]] std::uint64_t total(Counter core::WorkerCounters::*counter) const {
    return bed_->total(counter);
  }

  void expect_conserved() const {
    using C = core::WorkerCounters;
    EXPECT_EQ(total(&C::received) + total(&C::originated),
              total(&C::transmitted) + total(&C::originated_transmitted) + total(&C::to_host) +
                  total(&C::to_resolve) + bed_->dropped_in_all() + total(&C::held));
    // Fragments that wait for others of their datagram count as dropped, and are in use.
    if (!GetParam().inspect) {
      EXPECT_EQ(rte_mempool_in_use_count(bed_->pool()), total(&C::held));
    }
    for (const firewall::WorkerState* state : states_) EXPECT_LE(state->sessions.flows().size(), kSessions);
  }

  void expect_nothing_left() {
    for (unsigned second = 0; second < 4000; second += 10) {
      now_ += 10'000;
      bed_->set_time(now_);
      bed_->run();
    }
    expect_conserved();
    EXPECT_EQ(total(&core::WorkerCounters::held), 0U);
    for (const firewall::WorkerState* state : states_) EXPECT_EQ(state->sessions.flows().size(), 0U);
  }

  void summarize(std::size_t files, std::size_t others) const {
    using C = core::WorkerCounters;
    std::cout << files << " files, " << total(&C::received) << " packets (" << others
              << " of other links left out): " << total(&C::transmitted) << " forwarded, "
              << total(&C::to_host) << " to the host, " << total(&C::originated) << " answered, "
              << total(&C::fragmented) << " cut in pieces, " << bed_->dropped_in_all() << " dropped\n";
    const auto list = [this](std::span<const core::DropReason> reasons) {
      for (const core::DropReason& reason : reasons) {
        if (bed_->dropped(reason.id) != 0)
          std::cout << "  " << reason.name << ' ' << bed_->dropped(reason.id) << '\n';
      }
    };
    list(core::core_drop_reasons());
    list(firewall::drop_reasons());
    std::uint64_t matches = 0;
    for (firewall::WorkerState* state : states_) {
      matches += state->inspector.matches();
      EXPECT_EQ(state->inspector.conversations_in_use(), 0U);
      EXPECT_EQ(state->inspector.pool().bytes_in_use(), 0U);
    }
    if (GetParam().inspect) {
      std::cout << matches << " matches\n";
      EXPECT_GT(matches, 100U);
    }
  }

  PolicyMaker maker_;
  std::shared_ptr<const core::Network> network_;
  std::array<std::shared_ptr<const firewall::Policy>, 2> policies_;
  std::vector<firewall::WorkerState*> states_;
  std::unique_ptr<Testbed> bed_;
  Tick now_ = 0;
  std::uint64_t sent_ = 0;
};

TEST_P(CorpusReplay, ConservesEveryPacket) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(captures())) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::size_t replayed = 0;
  std::size_t others = 0;
  for (const fs::path& file : files) {
    const auto packets = read_capture(file);
    if (!packets) continue;
    SCOPED_TRACE(file.string());
    std::vector<Frame> frames;
    for (const CapturedPacket& packet : *packets) {
      if (auto frame = frame_of(packet)) {
        frames.push_back(std::move(*frame));
      } else {
        ++others;
      }
    }
    replay(frames);
    expect_conserved();
    if (HasFailure()) return;
    ++replayed;
  }
  EXPECT_GT(replayed, 0U) << "no capture in " << captures();
  EXPECT_GT(sent_, 0U) << "nothing came through: the corpus did not reach the firewall";
  expect_nothing_left();
  summarize(replayed, others);
}

std::string variant_name(const ::testing::TestParamInfo<Variant>& info) {
  const Variant& variant = info.param;
  return std::string(variant.transparent ? "Transparent" : "Routed") +
         (variant.workers == 1 ? "OneWorker" : "TwoWorkers") +
         (variant.inspect      ? "LookedInto"
          : variant.begin_open ? "AcceptThenDrop"
                               : "DropThenAccept");
}

INSTANTIATE_TEST_SUITE_P(Each, CorpusReplay,
                         ::testing::Values(Variant{false, 1, true}, Variant{true, 1, true},
                                           Variant{false, 2, true}, Variant{true, 2, true},
                                           Variant{false, 1, false}, Variant{true, 1, false},
                                           Variant{false, 2, false}, Variant{true, 2, false},
                                           Variant{false, 2, true, true}, Variant{true, 1, true, true}),
                         variant_name);

}  // namespace
}  // namespace millrace::testing
