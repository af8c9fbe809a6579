// SPDX-License-Identifier: BSD-3-Clause
#include "tests/fuzz/pipeline_play.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <rte_mempool.h>

#include "common/net/checksum.h"
#include "common/net/parse.h"
#include "tests/support/firewall_policy.h"
#include "tests/support/scenario.h"
#include "vnfs/firewall/function.h"

namespace millrace::fuzz {
namespace {

constexpr std::uint32_t kSessions = 64;  // of each worker
constexpr unsigned kMostFrame = 1900;    // one buffer's
constexpr unsigned kMostWaiting = 64;

// Short, so that an input can outlive them.
constexpr firewall::Timeouts kTimeouts{.tcp_established = 100'000,
                                       .tcp_transitory = 20'000,
                                       .tcp_embryonic = 5'000,
                                       .udp = 20'000,
                                       .udp_unreplied = 5'000,
                                       .icmp = 5'000,
                                       .sctp_established = 100'000,
                                       .sctp_transitory = 10'000,
                                       .other = 50'000};

testing::PolicySpec open_policy() {
  testing::PolicySpec spec;
  spec.rules = {testing::reject("telnet").service("tcp/23"), testing::reject("names").service("udp/53"),
                testing::drop("one host").source("10.0.0.66/32"),
                testing::accept("web").service("tcp/80").log(), testing::drop("gre").service("gre")};
  spec.otherwise = firewall::Action::kAccept;
  spec.timeouts = kTimeouts;
  spec.tcp.midstream_pickup = true;
  return spec;
}

testing::PolicySpec strict_policy() {
  testing::PolicySpec spec;
  spec.rules = {testing::accept("web").service("tcp/80"), testing::accept("names").service("udp/53"),
                testing::accept("ping").service("icmp/8"), testing::accept("ping6").service("icmpv6/128"),
                testing::reject("rest of tcp").service("tcp/0-65535")};
  spec.otherwise = firewall::Action::kDrop;
  spec.timeouts = kTimeouts;
  return spec;
}

void put_right_checksum(std::span<std::uint8_t> frame) {
  std::size_t at = 12;
  const auto type = [&] { return at + 2 <= frame.size() ? frame[at] << 8 | frame[at + 1] : 0; };
  while (type() == net::ether_type::kVlan || type() == net::ether_type::kQinQ) at += 4;
  if (type() != net::ether_type::kIpv4) return;
  const auto datagram = frame.subspan(at + 2);
  if (datagram.size() < sizeof(net::Ipv4Header)) return;
  if (datagram.size() < (datagram[0] & 0xfU) * 4U || (datagram[0] & 0xfU) < 5) return;
  net::set_ipv4_checksum(*reinterpret_cast<net::Ipv4Header*>(datagram.data()));
}

// What the port says of the packet beside its bytes.
void mark(rte_mbuf& mbuf, unsigned marks) {
  constexpr std::uint64_t kTag = RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
  constexpr std::array<std::uint64_t, 9> kFlags = {
      RTE_MBUF_F_RX_L4_CKSUM_GOOD,
      0,
      RTE_MBUF_F_RX_L4_CKSUM_BAD,
      RTE_MBUF_F_RX_L4_CKSUM_NONE,
      RTE_MBUF_F_RX_L4_CKSUM_NONE | RTE_MBUF_F_RX_LRO,
      RTE_MBUF_F_RX_L4_CKSUM_GOOD | RTE_MBUF_F_RX_LRO,
      RTE_MBUF_F_RX_L4_CKSUM_NONE | RTE_MBUF_F_RX_IP_CKSUM_NONE,
      RTE_MBUF_F_RX_L4_CKSUM_GOOD | kTag,
      RTE_MBUF_F_RX_L4_CKSUM_GOOD | kTag | RTE_MBUF_F_RX_QINQ | RTE_MBUF_F_RX_QINQ_STRIPPED,
  };
  mbuf.ol_flags |= kFlags[marks % kFlags.size()];
  mbuf.tso_segsz = 300;
  const bool both = (mbuf.ol_flags & RTE_MBUF_F_RX_QINQ) != 0;
  mbuf.vlan_tci = both ? 200 : 7;
  mbuf.vlan_tci_outer = 100;
}

// The frame in one buffer, or in two with the first ending behind `first` bytes.
rte_mbuf* mbuf_of(rte_mempool* pool, std::span<const std::uint8_t> frame, std::size_t first) {
  rte_mbuf* head = rte_pktmbuf_alloc(pool);
  require(head != nullptr, "buffers are left");
  const auto put = [](rte_mbuf* mbuf, std::span<const std::uint8_t> part) {
    char* room = rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(part.size()));
    require(room != nullptr, "a buffer has room");
    if (!part.empty()) std::memcpy(room, part.data(), part.size());
  };
  put(head, frame.first(first));
  if (first == frame.size()) return head;
  rte_mbuf* tail = rte_pktmbuf_alloc(pool);
  require(tail != nullptr, "buffers are left");
  put(tail, frame.subspan(first));
  require(rte_pktmbuf_chain(head, tail) == 0, "two buffers can be chained");
  return head;
}

}  // namespace

PipelinePlay::PipelinePlay(unsigned workers, PipelineExtras extras)
    : networks_{testing::routed_network(), testing::transparent_network({.llc = true, .types = {0x88cc}})},
      joined_(extras.joined),
      is_frame_(std::move(extras.is_frame)) {
  for (unsigned i = 0; i < networks_.size(); ++i) {
    if (extras.networks[i] != nullptr) networks_[i] = extras.networks[i];
  }
  testing::ensure_eal(64);
  testing::PolicyMaker maker;
  const auto make = [&](testing::PolicySpec spec, std::size_t interfaces) {
    spec.rules.insert(spec.rules.begin(), extras.first_rules.begin(), extras.first_rules.end());
    auto made = std::make_shared<firewall::Policy>(*maker.make(spec, interfaces));
    extras.adjust(*made);
    return made;
  };
  for (unsigned network = 0; network < 2; ++network) {
    const std::size_t interfaces = networks_[network]->interfaces.size();
    policies_[network] = {make(open_policy(), interfaces), make(strict_policy(), interfaces)};
  }
  firewall::Limits limits = extras.limits;
  limits.sessions = kSessions;
  limits.rule_slots = 64;
  bed_ = std::make_unique<testing::Testbed>(
      testing::TestbedConfig{.workers = workers,
                             .burst = 8,
                             .buffers = 1023 + 2 * extras.joined,
                             .ring_size = 512,
                             .fragments = {.datagrams = 16, .held = 12, .held_per_datagram = 4}},
      core::Snapshot{.network = networks_[0], .policy = policies_[0][0]},
      [&](const core::WorkerServices& services) {
        auto made = std::make_unique<firewall::FirewallFunction>(limits, services);
        states_.push_back(&made->state());
        return made;
      });
  // The clock begins where the tables begin.
  now_ = states_.front()->services.now;
  for (const firewall::WorkerState* state : states_) now_ = std::max(now_, state->services.now);
  bed_->set_time(now_);
}

void PipelinePlay::publish() {
  bed_->publish({.network = networks_[transparent_], .policy = policies_[transparent_][strict_]});
}

void PipelinePlay::play(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const std::uint8_t settings = input.u8();
  transparent_ = settings & 1U;
  strict_ = settings >> 1U & 1U;
  sent_by_host_ = false;
  publish();
  while (input.left() >= 4) record(input);
  run();
  check();
  clear();
}

void PipelinePlay::record(Input& input) {
  const std::uint8_t how = input.u8();
  const std::uint8_t pause = input.u8();
  const unsigned power = pause & 0xfU;
  const auto frame = input.bytes(input.u16());
  if ((how & 0x18U) != 0 || power != 0 || waiting_ == kMostWaiting) run();
  if (power != 0) pass_time((1U << power) - 1);
  if ((how & 0x10U) != 0) {
    strict_ ^= 1U;
    publish();
  }
  arrive(how, pause >> 4U, frame.first(std::min<std::size_t>(frame.size(), kMostFrame)));
}

void PipelinePlay::arrive(std::uint8_t how, unsigned marks, std::span<const std::uint8_t> frame) {
  ++waiting_;
  const unsigned port = how & 1U;
  std::vector<std::uint8_t> bytes(frame.begin(), frame.end());
  if ((how & 0x80U) != 0) put_right_checksum(bytes);
  switch (how >> 1U & 3U) {
    case 2: {
      // The twin's own frames: whole, by an interface that is there.
      if (bytes.size() < sizeof(net::EthernetHeader)) return;
      sent_by_host_ = true;
      const auto interface = (how >> 5U) % networks_[transparent_]->interfaces.size();
      return bed_->from_host(core::InterfaceId(static_cast<std::uint16_t>(interface)), bytes);
    }
    case 3:
      sent_by_host_ = true;
      // It was checked when it came in; its checksum is not looked at again.
      return bed_->resume(port, bytes);
    default: {
      const std::size_t first =
          (how & 0x20U) != 0 && !bytes.empty() ? bytes.size() * (bytes.back() & 0x3fU) / 64 : bytes.size();
      const unsigned worker = (how & 0x40U) != 0 ? bed_->workers() - 1 : 0;
      rte_mbuf* mbuf = mbuf_of(bed_->pool(), bytes, first);
      mark(*mbuf, marks);
      return bed_->receive(port, mbuf, worker);
    }
  }
}

void PipelinePlay::run() {
  bed_->run();
  waiting_ = 0;
  collect();
}

void PipelinePlay::pass_time(Tick milliseconds) {
  now_ += milliseconds;
  bed_->set_time(now_);
  run();
}

void PipelinePlay::collect() {
  for (unsigned port = 0; port < 2; ++port) {
    for (const auto& frame : bed_->transmitted(port)) {
      if (is_frame_) {
        require(sent_by_host_ || is_frame_(frame), "what is sent can be parsed");
        continue;
      }
      net::Headers headers;
      const auto error = net::parse_frame(frame, frame.size(), headers, {});
      // A wire passes frames unread that are neither ARP nor IP.
      const bool unread = transparent_ != 0 && error == net::ParseError::kUnknownType;
      require(sent_by_host_ || unread || error == net::ParseError::kNone, "what is sent can be parsed");
    }
  }
  (void)bed_->to_host();
}

void PipelinePlay::check() const {
  using C = core::WorkerCounters;
  const auto total = [this](Counter C::*counter) { return bed_->total(counter); };
  const std::uint64_t came =
      total(&C::received) + total(&C::from_host) + total(&C::originated) + total(&C::resumed);
  const std::uint64_t left = total(&C::transmitted) + total(&C::from_host_transmitted) +
                             total(&C::originated_transmitted) + total(&C::to_host) + total(&C::to_resolve) +
                             bed_->dropped_in_all() + total(&C::held);
  require(came == left, "packets are conserved");
  // A frame came in one buffer or in two.
  const std::uint64_t held = total(&C::held);
  const std::uint64_t buffers = rte_mempool_in_use_count(bed_->pool());
  require(held <= buffers && buffers <= 2 * (held + joined_), "only held packets keep their buffers");
  for (const firewall::WorkerState* state : states_)
    require(state->sessions.flows().size() <= kSessions, "sessions stay within their capacity");
}

// Each step is longer than the longest timer but the established sessions', which takes a few.
void PipelinePlay::clear() {
  for (unsigned step = 0; step < 8; ++step) pass_time(30'000);
  check();
  require(bed_->total(&core::WorkerCounters::held) == 0, "no fragment waits for ever");
  for (const firewall::WorkerState* state : states_) {
    require(state->sessions.flows().size() == 0, "no session outlives its timer");
    require(state->inspector.conversations_in_use() == 0, "nothing is remembered of a session that is gone");
    require(state->inspector.pool().bytes_in_use() == 0, "no bytes outlive their session");
    require(state->applications.undecided() == 0, "no detector outlives its session");
  }
}

}  // namespace millrace::fuzz
