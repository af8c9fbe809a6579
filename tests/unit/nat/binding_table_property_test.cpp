// SPDX-License-Identifier: BSD-3-Clause
// Workers that make and end bindings at the same time out of the same addresses: no two bindings share an
// outside end, and when all have ended nothing is left in use.
#include <array>
#include <atomic>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "vnfs/nat/binding_table.h"

namespace millrace::nat {
namespace {

constexpr unsigned kAddresses = 3;
constexpr unsigned kWorkers = 4;
constexpr std::uint64_t kSeed = 0x5eed5eed5eed5eed;

// Who has which outside end, as seen from all threads. What is taken twice is counted.
class Claims final : public BindingObserver {
 public:
  void session_opened(SessionIndex /*index*/, const Session& /*session*/) noexcept override {}
  void session_ended(SessionIndex /*index*/, const Session& /*session*/, SessionEnd /*why*/,
                     Tick /*now*/) noexcept override {}
  void mapping_opened(MappingIndex /*index*/, const Mapping& mapping) noexcept override {
    if (claim(mapping).exchange(true)) ++twice;
    ++made;
  }
  void mapping_ended(MappingIndex /*index*/, const Mapping& mapping, Tick /*now*/) noexcept override {
    if (!claim(mapping).exchange(false)) ++twice;
  }
  void block_given(const Subscriber& /*subscriber*/, const Block& /*block*/) noexcept override {}
  void block_returned(const Subscriber& /*subscriber*/, const Block& /*block*/) noexcept override {}

  std::atomic<unsigned> twice = 0;
  std::atomic<std::uint64_t> made = 0;

 private:
  std::atomic<bool>& claim(const Mapping& mapping) noexcept {
    const auto space = static_cast<std::size_t>(*port_space(mapping.protocol));
    return taken_[mapping.address * kPortSpaces + space][mapping.outside_port_host()];
  }
  std::array<std::array<std::atomic<bool>, 65'536>, kAddresses * kPortSpaces> taken_{};
};

struct Case {
  std::string name;
  std::uint16_t block_runs;
  bool paired;
  std::uint16_t first_port;
  Tick quarantine;
};
void PrintTo(const Case& test, std::ostream* out) { *out << test.name; }

// One worker: the buckets that are its own, a table, and a clock.
class Player {
 public:
  Player(unsigned number, const Pool& pool, const AddressBook& book, Claims& claims)
      : number_(number),
        pool_(pool),
        random_(number),
        table_({.sessions = 4'000, .subscribers = 300}, kSeed + number, book, 0) {
    table_.observe(&claims);
  }

  void play(unsigned operations) {
    for (unsigned i = 0; i < operations; ++i) {
      const unsigned what = below(16);
      if (what < 10) {
        open();
      } else if (what < 14) {
        close();
      } else {
        pass(below(2'000));
      }
    }
  }
  void finish() {
    // The longest timeout, the rest of ports and blocks, and a round over the subscribers.
    for (int i = 0; i < 200; ++i) pass(10'000);
  }
  [[nodiscard]] const BindingTable& table() const noexcept { return table_; }
  [[nodiscard]] std::uint64_t refused() const noexcept { return refused_; }

 private:
  [[nodiscard]] std::uint32_t below(std::uint32_t bound) {
    return std::uniform_int_distribution<std::uint32_t>(0, bound - 1)(random_);
  }

  void open() {
    const std::uint32_t host = 0x0a000000U + below(200);
    const unsigned bucket = (host * kWorkers + number_) % core::kOwnerBuckets;
    const SubscriberIndex subscriber =
        table_.open_subscriber(net::Ipv4Address{be32(host)}, static_cast<std::uint16_t>(number_),
                               bucket / kWorkers * kWorkers + number_, now_);
    if (subscriber == kNoIndex) return;
    constexpr std::array<std::uint8_t, 3> kProtocols{net::protocol::kTcp, net::protocol::kUdp,
                                                     net::protocol::kIcmp};
    const std::uint8_t protocol = kProtocols[below(3)];
    const auto port = static_cast<std::uint16_t>(1 + below(400));
    MappingIndex mapping = table_.find_mapping(subscriber, port, protocol, {});
    if (mapping == kNoIndex) {
      const auto opened = table_.open_mapping(
          {.subscriber = subscriber, .inside_port = port, .protocol = protocol, .flags = 0, .remote = {}},
          pool_, now_);
      mapping = opened.mapping;
      if (mapping == kNoIndex) ++refused_;
    }
    if (mapping == kNoIndex) return;
    const Mapping& made = table_.mapping(mapping);
    EXPECT_TRUE(pool_.has(made.outside().ipv4()));
    EXPECT_TRUE(pool_.has_port(made.outside_port_host()));
    const Endpoint remote{below(64) + 1, static_cast<std::uint16_t>(below(64))};
    const Tuple outward =
        Tuple::of({be32(host).wire(), port}, remote, protocol, static_cast<std::uint16_t>(number_));
    if (table_.find(outward).session != kNoIndex) return;
    const Tuple inward = Tuple::of(remote, made.outside(), protocol, 0);
    EXPECT_EQ(table_.find(inward).session, kNoIndex);
    const SessionIndex session = table_.open_session({.mapping = mapping,
                                                      .outward = outward,
                                                      .inward = inward,
                                                      .first = Direction::kForward,
                                                      .list_remote = below(2) != 0,
                                                      .generation = 0},
                                                     kTimeouts, now_);
    if (session == kNoIndex) {
      if (table_.mapping(mapping).sessions == 0 && !table_.mapping(mapping).has(Mapping::kQuarantined))
        table_.close_mapping(mapping, now_);
      return;
    }
    EXPECT_EQ(table_.find(outward).session, session);
    EXPECT_EQ(table_.find(inward).session, session);
  }

  void close() {
    if (table_.sessions().reach() == 0) return;
    const SessionIndex index = below(table_.sessions().reach());
    if (table_.sessions().in_use(index))
      table_.close_session(index, SessionEnd::kFlushed, pool_.quarantine, now_);
  }

  void pass(Tick time) {
    now_ += time;
    for (int i = 0; i < 200; ++i)
      table_.expire(kTimeouts, now_, [&](const Mapping&) { return pool_.quarantine; });
    for (SubscriberIndex i = 0; i < table_.subscribers().reach(); ++i) {
      if (table_.subscribers().in_use(i)) table_.tidy_subscriber(i, pool_.quarantine, now_);
    }
  }

  static constexpr Timeouts kTimeouts{.tcp_established = 20'000,
                                      .tcp_transitory = 10'000,
                                      .udp = 15'000,
                                      .udp_well_known = 5'000,
                                      .icmp = 3'000};
  unsigned number_;
  const Pool& pool_;
  std::mt19937 random_;
  BindingTable table_;
  Tick now_ = 0;
  std::uint64_t refused_ = 0;
};

class BindingsProperty : public ::testing::TestWithParam<Case> {};

TEST_P(BindingsProperty, NoTwoShareAnOutsideEndAndNothingLeaks) {
#ifdef __SANITIZE_THREAD__
  constexpr unsigned kOperations = 50'000;  // which take it as long
#else
  constexpr unsigned kOperations = 200'000;
#endif
  auto book = std::make_unique<AddressBook>();
  auto claims = std::make_unique<Claims>();
  Pool pool;
  for (unsigned i = 0; i < kAddresses; ++i)
    pool.addresses.push_back(*book->get(net::Ipv4Address{be32(0xcb007101U + i)}, 0));
  pool.first_port = GetParam().first_port;
  pool.block_runs = GetParam().block_runs;
  pool.blocks_per_subscriber = 3;
  pool.paired = GetParam().paired;
  pool.quarantine = GetParam().quarantine;
  std::vector<std::unique_ptr<Player>> players;
  for (unsigned w = 0; w < kWorkers; ++w)
    players.push_back(std::make_unique<Player>(w, pool, *book, *claims));
  std::vector<std::thread> threads;
  for (auto& player : players) {
    threads.emplace_back([&player] {
      player->play(kOperations);
      player->finish();
    });
  }
  for (auto& thread : threads) thread.join();

  EXPECT_EQ(claims->twice, 0U);
  EXPECT_GT(claims->made, kOperations / 4);
  for (const auto& player : players) {
    EXPECT_EQ(player->table().open_sessions(), 0U);
    EXPECT_EQ(player->table().open_mappings(), 0U);
    EXPECT_EQ(player->table().open_subscribers(), 0U);
  }
  for (const OutsideAddress* address : pool.addresses) EXPECT_EQ(address->free_runs(), OutsideAddress::kRuns);
}

INSTANTIATE_TEST_SUITE_P(Each, BindingsProperty,
                         ::testing::Values(Case{"shared", 0, true, 1024, 8'000},
                                           Case{"shared_unpaired", 0, false, 1024, 0},
                                           Case{"scarce", 0, true, 61'440, 2'000},
                                           Case{"blocks", 2, true, 1024, 8'000},
                                           Case{"scarce_blocks", 1, false, 61'440, 0}),
                         [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace millrace::nat
