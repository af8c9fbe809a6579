// SPDX-License-Identifier: BSD-3-Clause
#include "common/flow/fragment_table.h"

#include <algorithm>
#include <map>
#include <ostream>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::flow {

void PrintTo(FragmentVerdict verdict, std::ostream* out) { *out << name(verdict); }

namespace {

using enum FragmentVerdict;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kUdp = 17;
constexpr FragmentNote kNote = {7, 9};

FragmentKey key(std::uint32_t id, std::uint8_t protocol = kUdp) {
  return FragmentKey::ipv4(net::Ipv4Address{be32(0xc0000201)}, net::Ipv4Address{be32(0xc6336401)},
                           static_cast<std::uint16_t>(id), protocol, {});
}
Fragment piece(const FragmentKey& k, std::uint32_t offset, std::uint32_t length, bool more) {
  Fragment fragment;
  fragment.key = k;
  fragment.offset = offset;
  fragment.length = length;
  fragment.more = more;
  fragment.protocol = k.protocol;
  return fragment;
}

// The table with packets that are numbers, and what became of them.
struct Bench {
  explicit Bench(const FragmentSettings& settings = {}) : table(settings, 0x1234567) {}

  FragmentDecision offer(const Fragment& fragment, std::uintptr_t packet = 1) {
    return table.offer(fragment, reinterpret_cast<void*>(packet), now);
  }
  FragmentVerdict verdict(const Fragment& fragment, std::uintptr_t packet = 1) {
    return offer(fragment, packet).verdict;
  }
  // Offers a first fragment and accepts it. The packets it let go of.
  std::vector<std::uintptr_t> open(const Fragment& fragment) {
    const FragmentDecision decision = offer(fragment);
    EXPECT_EQ(decision.verdict, kPass);
    EXPECT_TRUE(decision.first);
    std::vector<std::uintptr_t> released;
    EXPECT_TRUE(table.accept(decision.datagram, kNote,
                             [&](void* p) { released.push_back(reinterpret_cast<std::uintptr_t>(p)); }));
    return released;
  }
  std::map<std::uintptr_t, FragmentVerdict> drained() {
    std::map<std::uintptr_t, FragmentVerdict> dropped;
    table.drain([&](void* p, FragmentVerdict why) { dropped[reinterpret_cast<std::uintptr_t>(p)] = why; });
    return dropped;
  }

  FragmentTable table;
  Tick now = 0xfffffff0;  // the clock wraps soon
};

TEST(FragmentTable, LaterFragmentsFollowTheFirst) {
  Bench b;
  EXPECT_THAT(b.open(piece(key(1), 0, 1480, true)), IsEmpty());
  const FragmentDecision middle = b.offer(piece(key(1), 1480, 1480, true));
  EXPECT_EQ(middle.verdict, kPass);
  EXPECT_FALSE(middle.first);
  EXPECT_EQ(middle.note, kNote);
  EXPECT_EQ(b.table.datagrams(), 1U);
  const FragmentDecision last = b.offer(piece(key(1), 2960, 5, false));
  EXPECT_EQ(last.verdict, kPass);
  EXPECT_EQ(last.note, kNote);
  EXPECT_EQ(b.table.datagrams(), 0U) << "a complete datagram is forgotten, its id may come again";
  EXPECT_THAT(b.open(piece(key(1), 0, 1480, true)), IsEmpty());
}

TEST(FragmentTable, FragmentsBeforeTheFirstWaitForItsVerdict) {
  Bench b;
  EXPECT_EQ(b.verdict(piece(key(1), 2960, 5, false), 11), kHeld);
  EXPECT_EQ(b.verdict(piece(key(1), 1480, 800, true), 12), kHeld);
  EXPECT_EQ(b.table.held(), 2U);
  const FragmentDecision first = b.offer(piece(key(1), 0, 1480, true));
  ASSERT_EQ(first.verdict, kPass);
  EXPECT_EQ(b.verdict(piece(key(1), 2280, 680, true), 13), kHeld) << "the first is not judged yet";
  std::vector<std::uintptr_t> released;
  const auto collect = [&](void* p) { released.push_back(reinterpret_cast<std::uintptr_t>(p)); };
  EXPECT_TRUE(b.table.accept(first.datagram, kNote, collect));
  EXPECT_THAT(released, ElementsAre(11, 12, 13)) << "in order of arrival";
  EXPECT_EQ(b.table.held(), 0U);
  EXPECT_EQ(b.table.datagrams(), 0U);
  EXPECT_FALSE(b.table.accept(first.datagram, kNote, collect)) << "the datagram is gone";
}

TEST(FragmentTable, ARefusedFirstRefusesTheRest) {
  Bench b;
  EXPECT_EQ(b.verdict(piece(key(1), 1480, 1480, true), 11), kHeld);
  const FragmentDecision first = b.offer(piece(key(1), 0, 1480, true));
  std::vector<std::uintptr_t> dropped;
  EXPECT_TRUE(b.table.refuse(first.datagram,
                             [&](void* p) { dropped.push_back(reinterpret_cast<std::uintptr_t>(p)); }));
  EXPECT_THAT(dropped, ElementsAre(11));
  EXPECT_EQ(b.verdict(piece(key(1), 2960, 1480, true)), kRefused);
}

TEST(FragmentTable, KeysAreApart) {
  Bench b;
  b.open(piece(key(1), 0, 1480, true));
  FragmentKey domain = key(1);
  domain.segment = Segment::domain(5);
  FragmentKey wire = key(1);
  wire.segment = Segment::wire(0, {.outer = 0, .vlan = 5});
  FragmentKey two_tags = key(1);
  two_tags.segment = Segment::wire(0, {.outer = 5, .vlan = 5});
  const net::Ipv6Address from = *net::Ipv6Address::parse("2001:db8::1");
  const net::Ipv6Address to = *net::Ipv6Address::parse("2001:db8::2");
  for (const FragmentKey& other :
       {key(2), key(1, kTcp), domain, wire, two_tags, FragmentKey::ipv6(from, to, 1, {})}) {
    EXPECT_EQ(b.verdict(piece(other, 1480, 8, true)), kHeld);
  }
  EXPECT_EQ(b.verdict(piece(key(1), 1480, 8, true)), kPass);
}

// RFC 5722 section 4: the whole datagram goes, with what is still to come.
TEST(FragmentTable, AnOverlapEndsTheDatagram) {
  struct {
    const char* what;
    std::uint32_t offset, length;
    bool more;
    FragmentVerdict verdict;
  } const cases[] = {
      {"the tail of the one before", 792, 80, true, kOverlap},
      {"the head of the one behind", 1592, 16, true, kOverlap},
      {"inside", 80, 80, true, kOverlap},
      {"same begin, shorter", 0, 400, true, kOverlap},
      {"same begin, longer", 1600, 808, true, kOverlap},
      {"around", 1592, 1000, true, kOverlap},
      {"all", 0, 4000, false, kInvalid},
      {"an end before bytes already seen", 800, 8, false, kWrongEnd},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.what);
    Bench b;
    b.open(piece(key(1), 0, 800, true));
    ASSERT_EQ(b.verdict(piece(key(1), 1600, 800, true)), kPass);
    EXPECT_EQ(b.verdict(piece(key(1), c.offset, c.length, c.more)), c.verdict);
    EXPECT_EQ(b.verdict(piece(key(1), 800, 800, true)), c.verdict == kInvalid ? kPass : c.verdict);
  }
  Bench held;
  EXPECT_EQ(held.verdict(piece(key(1), 800, 800, true), 11), kHeld);
  EXPECT_EQ(held.verdict(piece(key(1), 808, 800, true), 12), kOverlap);
  EXPECT_EQ(held.verdict(piece(key(1), 0, 800, true), 13), kOverlap);
  EXPECT_EQ(held.drained(), (std::map<std::uintptr_t, FragmentVerdict>{{11, kOverlap}}));
}

TEST(FragmentTable, AnOverlapBetweenTheFirstAndItsVerdictCounts) {
  Bench b;
  EXPECT_EQ(b.verdict(piece(key(1), 800, 800, true), 11), kHeld);
  const FragmentDecision first = b.offer(piece(key(1), 0, 800, true));
  EXPECT_EQ(b.verdict(piece(key(1), 792, 80, true)), kOverlap);
  EXPECT_FALSE(b.table.accept(first.datagram, kNote, [](void*) { FAIL() << "nothing is left to release"; }));
}

TEST(FragmentTable, AnExactRepeatGoesAlone) {
  Bench b;
  b.open(piece(key(1), 0, 800, true));
  EXPECT_EQ(b.verdict(piece(key(1), 1600, 10, false)), kPass);
  EXPECT_EQ(b.verdict(piece(key(1), 0, 800, true)), kDuplicate);
  EXPECT_EQ(b.verdict(piece(key(1), 1600, 10, false)), kDuplicate);
  EXPECT_EQ(b.verdict(piece(key(1), 800, 800, true)), kPass);
}

TEST(FragmentTable, OneEndOnly) {
  Bench past;
  past.open(piece(key(1), 0, 800, true));
  EXPECT_EQ(past.verdict(piece(key(1), 1600, 10, false)), kPass);
  EXPECT_EQ(past.verdict(piece(key(1), 1616, 8, true)), kWrongEnd);
  Bench second;
  second.open(piece(key(1), 0, 800, true));
  EXPECT_EQ(second.verdict(piece(key(1), 1600, 8, false)), kPass);
  EXPECT_EQ(second.verdict(piece(key(1), 1600, 8, true)), kWrongEnd);
}

// RFC 1858 section 3, RFC 3128: no piece of the transport header outside the first fragment.
TEST(FragmentTable, TransportHeadersAreNotSplit) {
  for (const std::uint32_t length : {8U, 16U}) {
    Bench b;
    EXPECT_EQ(b.verdict(piece(key(1, kTcp), 0, length, true)), kTiny);
    EXPECT_EQ(b.verdict(piece(key(1, kTcp), length, 80, true)), kTiny) << "the datagram has ended";
  }
  Bench b;
  EXPECT_EQ(b.verdict(piece(key(1, kTcp), 8, 80, true)), kTiny);
  EXPECT_EQ(b.verdict(piece(key(2, kTcp), 16, 80, true)), kTiny);
  EXPECT_EQ(b.verdict(piece(key(3, kTcp), 24, 80, true)), kHeld);
  EXPECT_EQ(b.verdict(piece(key(4, kTcp), 0, 24, true)), kPass);
  EXPECT_EQ(b.verdict(piece(key(5, kUdp), 0, 8, true)), kPass);
  EXPECT_EQ(b.verdict(piece(key(6, 132), 0, 8, true)), kTiny);
  EXPECT_EQ(b.verdict(piece(key(7, 132), 8, 8, true)), kTiny);
  Fragment options = piece(key(8, kTcp), 0, 32, true);  // RFC 7112: all of the header chain
  options.header_length = 40;
  EXPECT_EQ(b.verdict(options), kTiny);
  Fragment v6 = piece(FragmentKey::ipv6({}, {}, 9, {}), 0, 16, true);
  v6.protocol = kTcp;
  EXPECT_EQ(b.verdict(v6), kTiny);
}

TEST(FragmentTable, ImpossibleFragmentsLeaveNoTrace) {
  Bench b;
  for (const auto& bad : {piece(key(1), 8, 0, true), piece(key(1), 8, 12, true), piece(key(1), 12, 8, true),
                          piece(key(1), 65512, 16, false), piece(key(1), 65528, 1480, false),
                          piece(key(1), 0, 100, false), piece(key(1), 0xfffffff8, 16, true)}) {
    EXPECT_EQ(b.verdict(bad), kInvalid);
  }
  EXPECT_EQ(b.table.datagrams(), 0U);
  EXPECT_EQ(b.verdict(piece(key(1), 65512, 3, false)), kHeld) << "65515 bytes and a header of 20 make 65535";
}

TEST(FragmentTable, TooManyPiecesEndTheDatagram) {
  Bench b;
  b.open(piece(key(1), 0, 8, true));
  for (std::uint32_t n = 1; n < FragmentTable::kMaxFragments; ++n) {
    ASSERT_EQ(b.verdict(piece(key(1), n * 16, 8, true)), kPass);
  }
  EXPECT_EQ(b.verdict(piece(key(1), 60000, 8, true)), kTooMany);
  EXPECT_EQ(b.verdict(piece(key(1), 8, 8, true)), kTooMany);
}

TEST(FragmentTable, HeldPacketsAreBounded) {
  FragmentSettings settings;
  settings.held = 3;
  settings.held_per_datagram = 2;
  Bench b(settings);
  EXPECT_EQ(b.verdict(piece(key(1), 8, 8, true), 11), kHeld);
  EXPECT_EQ(b.verdict(piece(key(1), 16, 8, true), 12), kHeld);
  EXPECT_EQ(b.verdict(piece(key(1), 24, 8, true), 13), kHeldFull);
  EXPECT_EQ(b.verdict(piece(key(2), 8, 8, true), 21), kHeld);
  const FragmentDecision decision = b.offer(piece(key(3), 8, 8, true), reinterpret_cast<std::uintptr_t>(&b));
  EXPECT_EQ(decision.verdict, kHeld);
  EXPECT_EQ(decision.evicted, reinterpret_cast<void*>(11)) << "the oldest makes room";
  EXPECT_EQ(b.table.held(), 3U);
  EXPECT_THAT(b.open(piece(key(1), 0, 8, true)), ElementsAre(12));

  settings.held = 0;
  Bench none(settings);
  EXPECT_EQ(none.verdict(piece(key(1), 8, 8, true)), kHeldFull);
}

TEST(FragmentTable, TheOldestDatagramMakesRoom) {
  FragmentSettings settings;
  settings.datagrams = 3;
  Bench b(settings);
  EXPECT_EQ(b.verdict(piece(FragmentKey::ipv6({}, {}, 1, {}), 8, 8, true), 11), kHeld);
  ++b.now;
  EXPECT_EQ(b.verdict(piece(key(2), 8, 8, true), 12), kHeld);
  const FragmentDecision first = b.offer(piece(key(3), 0, 8, true));
  EXPECT_EQ(b.verdict(piece(key(4), 8, 8, true), 14), kHeld);
  EXPECT_EQ(b.drained(), (std::map<std::uintptr_t, FragmentVerdict>{{11, kEvicted}}));
  EXPECT_EQ(b.verdict(piece(key(5), 8, 8, true), 15), kHeld);
  EXPECT_EQ(b.drained(), (std::map<std::uintptr_t, FragmentVerdict>{{12, kEvicted}}));
  EXPECT_EQ(b.verdict(piece(key(6), 8, 8, true), 16), kHeld);
  EXPECT_FALSE(b.table.accept(first.datagram, kNote, [](void*) {})) << "its place belongs to another now";
  EXPECT_EQ(b.table.evictions(), 3U);
  EXPECT_EQ(b.table.datagrams(), 3U);
  b.table.clear();
  EXPECT_EQ(b.drained().size(), 3U);
  EXPECT_EQ(b.table.held(), 0U);
  EXPECT_EQ(b.table.datagrams(), 0U);
}

TEST(FragmentTable, WaitingEnds) {
  Bench b;
  EXPECT_EQ(b.verdict(piece(key(1), 8, 8, true), 11), kHeld);
  EXPECT_EQ(b.verdict(piece(FragmentKey::ipv6({}, {}, 1, {}), 8, 8, true), 12), kHeld);
  b.now += 1999;
  b.table.expire(b.now, 100);
  EXPECT_THAT(b.drained(), IsEmpty());
  b.now += 1;
  b.table.expire(b.now, 1);
  EXPECT_EQ(b.drained(), (std::map<std::uintptr_t, FragmentVerdict>{{11, kHeldTimeout}}))
      << "the budget is one";
  b.table.expire(b.now, 100);
  EXPECT_EQ(b.drained().size(), 1U);
  EXPECT_EQ(b.table.datagrams(), 2U);
  b.now += 27'999;
  b.table.expire(b.now, 100);
  EXPECT_EQ(b.table.datagrams(), 2U);
  b.now += 1;  // 30 s after the first of them came
  b.table.expire(b.now, 100);
  EXPECT_EQ(b.table.datagrams(), 1U);
  b.now += 30'000;
  b.table.expire(b.now, 100);
  EXPECT_EQ(b.table.datagrams(), 0U);
}

TEST(FragmentTable, AnOverdueDatagramIsNotFound) {  // though nobody called expire
  Bench b;
  b.open(piece(key(1), 0, 8, true));
  b.now += 30'000;
  EXPECT_EQ(b.verdict(piece(key(1), 8, 8, true)), kHeld);
  EXPECT_EQ(b.table.datagrams(), 1U);
}

// --- Properties ---

struct Piece {
  std::uint32_t datagram;
  Fragment fragment;
};

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : engine_(seed) {}
  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(engine_() % bound); }

  // Cuts a datagram of random size at random places.
  std::vector<Fragment> cut(std::uint32_t id) {
    const std::uint32_t total = 33 + below(below(4) == 0 ? 65000 : 6000);
    const bool tcp = below(2) == 0;
    FragmentKey k = below(2) == 0 ? key(id, tcp ? kTcp : kUdp) : FragmentKey::ipv6({}, {}, id, {});
    std::vector<Fragment> pieces;
    const std::uint32_t unit = std::max(3U, total / 8 / 60 + 1);
    for (std::uint32_t at = 0; at < total;) {
      std::uint32_t length = (unit + below(unit)) * 8;
      bool more = at + length < total;
      if (at == 0 && !more) length = 24, more = true;
      if (!more) length = total - at;
      pieces.push_back(piece(k, at, length, more));
      pieces.back().protocol = tcp ? kTcp : kUdp;
      at += length;
    }
    return pieces;
  }
  template <class T>
  void shuffle(std::vector<T>& items) {
    std::shuffle(items.begin(), items.end(), engine_);
  }

 private:
  std::mt19937_64 engine_;
};

// Plays the pieces in order and returns how often each went on. Firsts are judged after a random number of
// others.
std::vector<int> play(Bench& b, const std::vector<Piece>& pieces, Generator& random) {
  std::vector<int> delivered(pieces.size() + 1, 0);
  std::vector<DatagramId> pending;
  const auto release = [&](void* p) { ++delivered[reinterpret_cast<std::uintptr_t>(p)]; };
  const auto judge = [&] {
    for (const DatagramId id : pending) b.table.accept(id, kNote, release);
    pending.clear();
  };
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const FragmentDecision decision = b.offer(pieces[i].fragment, i + 1);
    if (decision.verdict == kPass) ++delivered[i + 1];
    if (decision.first) pending.push_back(decision.datagram);
    if (random.below(4) == 0) judge();
  }
  judge();
  delivered.erase(delivered.begin());
  return delivered;
}

TEST(FragmentProperty, EveryFragmentOfAnHonestSenderPassesOnce) {
  FragmentSettings settings;
  settings.held = 4096;
  settings.held_per_datagram = FragmentTable::kMaxFragments;
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    SCOPED_TRACE(seed);
    Generator random(seed);
    Bench b(settings);
    std::vector<Piece> pieces;
    const std::uint32_t datagrams = 1 + random.below(6);
    for (std::uint32_t d = 0; d < datagrams; ++d) {
      for (const Fragment& f : random.cut(d)) pieces.push_back({d, f});
    }
    random.shuffle(pieces);
    EXPECT_THAT(play(b, pieces, random), ::testing::Each(1));
    EXPECT_EQ(b.table.datagrams(), 0U);
    EXPECT_EQ(b.table.held(), 0U);
    EXPECT_THAT(b.drained(), IsEmpty());
  }
}

// The receiver's view: of one datagram no byte may arrive twice, and never all of them once something
// overlapped.
TEST(FragmentProperty, AnOverlappingDatagramNeverArrivesWhole) {
  FragmentSettings settings;
  settings.held = 4096;
  settings.held_per_datagram = FragmentTable::kMaxFragments;
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    SCOPED_TRACE(seed);
    Generator random(seed);
    Bench b(settings);
    std::vector<Piece> pieces;
    for (const Fragment& f : random.cut(1)) pieces.push_back({0, f});
    const std::uint32_t total = pieces.back().fragment.offset + pieces.back().fragment.length;
    random.shuffle(pieces);
    Fragment evil = pieces[0].fragment;
    evil.more = true;
    bool exact = true;
    while (exact) {
      evil.offset = random.below(total / 8) * 8;
      evil.length = 8 * (1 + random.below((total - evil.offset) / 8 + 1));
      exact = evil.offset + evil.length > 65000;
      for (const Piece& p : pieces) {
        if (p.fragment.offset == evil.offset && p.fragment.length == evil.length) exact = true;
      }
    }
    // Not behind the last: then the datagram is complete, and what follows is another.
    pieces.insert(pieces.begin() + random.below(static_cast<std::uint32_t>(pieces.size())), {0, evil});
    const std::vector<int> delivered = play(b, pieces, random);
    std::vector<int> bytes(total + 70000, 0);
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      for (std::uint32_t at = 0; at < pieces[i].fragment.length; ++at) {
        bytes[pieces[i].fragment.offset + at] += delivered[i];
      }
    }
    EXPECT_LE(*std::max_element(bytes.begin(), bytes.end()), 1);
    EXPECT_EQ(std::count(bytes.begin(), bytes.begin() + total, 1) < total, true);
  }
}

// Whatever comes, each packet has exactly one fate and the table stays within its bounds.
TEST(FragmentProperty, AFloodLosesNoPacketAndGrowsNothing) {
  FragmentSettings settings;
  settings.datagrams = 64;
  settings.held = 40;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Generator random(seed);
    Bench b(settings);
    std::vector<DatagramId> pending;
    constexpr std::uintptr_t kPackets = 20000;
    std::vector<int> fate(kPackets + 1, 0);
    const auto end = [&](void* p) { ++fate[reinterpret_cast<std::uintptr_t>(p)]; };
    for (std::uintptr_t packet = 1; packet <= kPackets; ++packet) {
      const std::uint32_t offset = random.below(3) == 0 ? 0 : random.below(100) * 8;
      const std::uint32_t length = 1 + random.below(200);
      Fragment f = piece(key(random.below(200)), offset, random.below(10) == 0 ? length : length / 8 * 8,
                         random.below(5) != 0);
      if (random.below(3) == 0) f.key = FragmentKey::ipv6({}, {}, random.below(200), {});
      const FragmentDecision decision = b.offer(f, packet);
      if (decision.verdict != kHeld) ++fate[packet];
      if (decision.evicted != nullptr) end(decision.evicted);
      if (decision.first) pending.push_back(decision.datagram);
      ASSERT_LE(b.table.datagrams(), settings.datagrams);
      ASSERT_LE(b.table.held(), settings.held);
      if (random.below(20) == 0) {
        for (const DatagramId id : pending) {
          if (random.below(2) == 0) {
            b.table.accept(id, kNote, end);
          } else {
            b.table.refuse(id, end);
          }
        }
        pending.clear();
        b.now += random.below(500);
        b.table.expire(b.now, 8);
        b.table.drain([&](void* p, FragmentVerdict) { end(p); });
      }
    }
    b.table.clear();
    b.table.drain([&](void* p, FragmentVerdict) { end(p); });
    fate.erase(fate.begin());
    EXPECT_THAT(fate, ::testing::Each(1));
    EXPECT_EQ(b.table.held(), 0U);
    EXPECT_GT(b.table.evictions(), 0U);
  }
}

}  // namespace
}  // namespace millrace::flow
