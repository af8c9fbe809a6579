// SPDX-License-Identifier: BSD-3-Clause
// Which sessions there are, which give way, and that each end is told once: against lists kept the plain way.
#include "vnfs/firewall/session_table.h"

#include <algorithm>
#include <list>
#include <map>
#include <random>

#include <gtest/gtest.h>

namespace millrace::firewall {
namespace {

flow::FlowLookup lookup(std::uint32_t number) {
  flow::FlowLookup out;
  flow::make_ipv4_lookup(out, net::Ipv4Address{be32(number + 1)}, net::Ipv4Address{be32(0xc0000201)},
                         be16(1000), be16(53), net::protocol::kUdp, 0, 42);
  return out;
}

struct Told final : SessionObserver {
  std::map<std::uint64_t, SessionEnd> ends;  // by session id
  void session_ended(SessionIndex, const Session& session, SessionEnd why, Tick) noexcept override {
    EXPECT_TRUE(ends.emplace(session.id, why).second) << "told twice of " << session.id;
  }
};

TEST(SessionTable, OldestExpendableGivesWay) {
  constexpr std::uint32_t kCapacity = 50;
  std::mt19937 random(1);
  SessionTable table(kCapacity, 42, 0, 3);
  Told told;
  table.observe(&told);
  const Timeouts timeouts{.udp = 4'000'000'000U / 2, .udp_unreplied = 4'000'000'000U / 2};

  struct Known {
    std::uint32_t number;
    std::uint64_t id;
  };
  std::map<std::uint32_t, Known> known;  // by record
  std::list<SessionIndex> expendable;    // oldest first
  std::uint64_t opened = 0;
  std::uint64_t evicted = 0;
  std::uint32_t next = 0;
  const auto some = [&] {
    auto at = known.begin();
    std::advance(at, static_cast<long>(random() % known.size()));
    return at->first;
  };
  for (int i = 0; i < 200'000; ++i) {
    const auto dice = random() % 10;
    if (dice < 5 || known.empty()) {
      const bool full = known.size() == kCapacity;
      const SessionIndex index = table.open(lookup(next), timeouts, 0);
      if (full && expendable.empty()) {
        ASSERT_EQ(index, kNoSession);
        continue;
      }
      ASSERT_NE(index, kNoSession);
      if (full) {
        const SessionIndex gone = expendable.front();
        expendable.pop_front();
        ASSERT_EQ(told.ends.at(known.at(gone).id), SessionEnd::kEvicted);
        known.erase(gone);
        ++evicted;
      }
      ASSERT_EQ(table.flows().find(lookup(next)), index);
      ASSERT_TRUE(known.emplace(index, Known{next, table[index].id}).second);
      ASSERT_TRUE(table[index].has(Session::kExpendable));
      expendable.push_back(index);
      ++opened;
      ++next;
    } else if (dice < 7) {
      const SessionIndex index = some();
      table.confirm(index);
      expendable.remove(index);
      ASSERT_FALSE(table[index].has(Session::kExpendable));
    } else if (dice == 7) {
      const SessionIndex index = some();
      table.finish(index, timeouts, 0);
      if (std::find(expendable.begin(), expendable.end(), index) == expendable.end())
        expendable.push_back(index);
    } else {
      const SessionIndex index = some();
      table.close(index, SessionEnd::kReset, 0);
      ASSERT_EQ(told.ends.at(known.at(index).id), SessionEnd::kReset);
      ASSERT_EQ(table.flows().find(lookup(known.at(index).number)), kNoSession);
      expendable.remove(index);
      known.erase(index);
    }
    ASSERT_EQ(table.open_now(), known.size());
    ASSERT_EQ(table.expendable(), expendable.size());
    ASSERT_EQ(table.evicted(), evicted);
    ASSERT_EQ(table.opened(), opened);
  }
  EXPECT_GT(evicted, 1000U);
  EXPECT_EQ(told.ends.size() + known.size(), opened) << "an end was not told";
  for (const auto& [index, session] : known) EXPECT_EQ(table.flows().find(lookup(session.number)), index);
}

TEST(SessionTable, IdsTellWorkersApart) {
  SessionTable first(4, 42, 0, 0);
  SessionTable second(4, 42, 0, 1);
  const Timeouts timeouts;
  EXPECT_NE(first[first.open(lookup(1), timeouts, 0)].id, second[second.open(lookup(1), timeouts, 0)].id);
}

TEST(SessionTable, EndsWhatIsDueAndNothingElse) {
  constexpr std::uint32_t kCapacity = 2000;
  constexpr Tick kStart = 0xffffffffU - 100'000;  // the clock wraps on the way
  std::mt19937 random(2);
  SessionTable table(kCapacity, 42, kStart, 0);
  Told told;
  table.observe(&told);
  const Timeouts timeouts{.udp_unreplied = 20'000};
  std::map<std::uint64_t, std::uint64_t> last_seen;  // by id, on a clock that does not wrap
  std::map<std::uint64_t, SessionIndex> index_of;
  std::uint64_t now = kStart;
  std::uint32_t next = 0;
  for (int i = 0; i < 20'000; ++i) {
    now += random() % 50;
    const Tick tick = static_cast<Tick>(now);
    if (index_of.size() < kCapacity - 10) {
      const SessionIndex index = table.open(lookup(next++), timeouts, tick);
      ASSERT_NE(index, kNoSession);
      last_seen[table[index].id] = now;
      index_of[table[index].id] = index;
    }
    for (int k = 0; k < 3 && !index_of.empty(); ++k) {  // a packet of some session
      auto at = index_of.lower_bound(random() % next);
      if (at == index_of.end()) continue;
      table[at->second].last_seen = tick;
      last_seen[at->first] = now;
    }
    table.expire(timeouts, tick);
    for (const auto& [id, why] : told.ends) {
      EXPECT_EQ(why, SessionEnd::kTimeout);
      ASSERT_GE(now, last_seen.at(id) + 20'000) << "ended early";
      ASSERT_LE(now, last_seen.at(id) + 20'000 + 1000) << "ended late";
      index_of.erase(id);
    }
    told.ends.clear();
    ASSERT_EQ(table.open_now(), index_of.size());
  }
  EXPECT_GT(next, index_of.size() + 5000);
}

TEST(SessionTable, TimesByProtocolAndState) {
  using flow::TcpState;
  const Timeouts t{.tcp_established = 1,
                   .tcp_transitory = 2,
                   .tcp_embryonic = 3,
                   .udp = 4,
                   .udp_unreplied = 5,
                   .icmp = 6,
                   .sctp_established = 7,
                   .sctp_transitory = 8,
                   .other = 9};
  EXPECT_EQ(timeout_of(t, 6, TcpState::kEstablished, true), 1U);
  for (const TcpState state :
       {TcpState::kFinWait, TcpState::kCloseWait, TcpState::kLastAck, TcpState::kTimeWait, TcpState::kClosed})
    EXPECT_EQ(timeout_of(t, 6, state, true), 2U);
  for (const TcpState state :
       {TcpState::kNone, TcpState::kSynSent, TcpState::kSynSent2, TcpState::kSynReceived})
    EXPECT_EQ(timeout_of(t, 6, state, false), 3U);
  EXPECT_EQ(timeout_of(t, 17, TcpState::kNone, true), 4U);
  EXPECT_EQ(timeout_of(t, 17, TcpState::kNone, false), 5U);
  EXPECT_EQ(timeout_of(t, 1, TcpState::kNone, true), 6U);
  EXPECT_EQ(timeout_of(t, 58, TcpState::kNone, false), 6U);
  EXPECT_EQ(timeout_of(t, 132, TcpState::kNone, true), 7U);
  EXPECT_EQ(timeout_of(t, 132, TcpState::kNone, false), 8U);
  EXPECT_EQ(timeout_of(t, 47, TcpState::kNone, true), 9U);
}

}  // namespace
}  // namespace millrace::firewall
