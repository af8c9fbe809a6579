// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/traffic_watch.h"

#include <array>
#include <cmath>
#include <cstring>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>

#include <gtest/gtest.h>

#include "common/net/wire.h"

namespace millrace::firewall::inspection {
namespace {

constexpr SipKey kWatchSeed = {11, 22};

Opening opening(std::uint32_t source, std::uint32_t destination, std::uint16_t port,
                std::uint8_t protocol = net::protocol::kTcp) {
  return {.source = net::Ipv4Address{be32(source)},
          .destination = net::Ipv4Address{be32(destination)},
          .port = port,
          .protocol = protocol,
          .segment = {}};
}
Bytes bytes_of_name(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

TEST(TrafficWatch, CountsWhatANaiveModelCounts) {
  TrafficWatch watch({}, kWatchSeed, 0);
  std::mt19937 random(4);
  using Pair = std::tuple<std::uint32_t, std::uint32_t>;
  std::map<Pair, std::array<unsigned, 3>> pairs;
  std::map<Pair, unsigned> services;
  for (int i = 0; i < 5000; ++i) {
    const auto source = static_cast<std::uint32_t>(random() % 40);
    const auto host = static_cast<std::uint32_t>(random() % 12);
    const auto port = static_cast<std::uint16_t>(1 + random() % 5);
    const std::size_t what = random() % 3;
    if (what == 0) watch.opened(opening(source, host, port));
    if (what == 1) watch.refused(opening(source, host, port));
    if (what == 2) watch.established(opening(source, host, port));
    ++pairs[{source, host}][what];
    ++services[{host, port}];
  }
  ASSERT_EQ(watch.take(), nullptr);
  watch.turn(999);
  ASSERT_EQ(watch.take(), nullptr);
  watch.turn(1000);
  const WatchPage* page = watch.take();
  ASSERT_NE(page, nullptr);
  EXPECT_EQ(page->ended - page->began, 1000U);
  std::size_t seen = 0;
  page->pairs.for_each([&](const Activity& pair) {
    const std::uint32_t source = pair.who.address().v4().value.host();
    be32 host;
    std::memcpy(static_cast<void*>(&host), pair.other.data(), sizeof host);
    const auto& exact = pairs.at({source, host.host()});
    EXPECT_EQ(pair.counts.opened, exact[0]);
    EXPECT_EQ(pair.counts.refused, exact[1]);
    EXPECT_EQ(pair.counts.answered, exact[2]);
    ++seen;
  });
  EXPECT_EQ(seen, pairs.size());
  seen = 0;
  page->services.for_each([&](const Activity& service) {
    const Counts& counts = service.counts;
    EXPECT_EQ(counts.opened + counts.refused + counts.answered,
              (services.at({service.who.address().v4().value.host(), service.port})));
    ++seen;
  });
  EXPECT_EQ(seen, services.size());
  watch.give_back();
  EXPECT_EQ(watch.take(), nullptr);
}

// Ports and hosts in a row are what scans try: the hashes must spread them as if they were random. Over many
// seeds, the errors are those of linear counting (see hyper_log_log_test.cpp).
TEST(TrafficWatch, PortsAndHostsInARowAreCountedAsWellAsAny) {
  constexpr std::uint32_t kCount = 50;
  constexpr int kSeeds = 300;
  std::mt19937_64 random(9);
  WatchSettings settings;
  settings.limits = {.pairs = 8, .ports = 8, .services = 8, .domains = 8};
  double port_squares = 0;
  double host_squares = 0;
  double source_squares = 0;
  const auto square = [](const Activity& activity) {
    const double error = activity.distinct.estimate() / kCount - 1;
    return error * error;
  };
  for (int i = 0; i < kSeeds; ++i) {
    TrafficWatch watch(settings, {random(), random()}, 0);
    for (std::uint16_t n = 0; n < kCount; ++n) watch.opened(opening(1, 2, static_cast<std::uint16_t>(1 + n)));
    watch.turn(1000);
    watch.take()->pairs.for_each([&](const Activity& pair) { port_squares += square(pair); });
    watch.give_back();
    for (std::uint32_t n = 0; n < kCount; ++n) watch.opened(opening(1, 0x0a000000 + n, 22));
    watch.turn(2000);
    watch.take()->ports.for_each([&](const Activity& port) { host_squares += square(port); });
    watch.give_back();
    for (std::uint32_t n = 0; n < kCount; ++n) watch.opened(opening(0x0a000000 + n, 1, 22));
    watch.turn(3000);
    watch.take()->services.for_each([&](const Activity& service) { source_squares += square(service); });
    watch.give_back();
  }
  const double t = kCount / 64.0;
  const double linear = std::sqrt(64 * (std::exp(t) - t - 1)) / kCount;
  EXPECT_LT(std::sqrt(port_squares / kSeeds), 1.2 * linear);
  EXPECT_LT(std::sqrt(host_squares / kSeeds), 1.2 * linear);
  EXPECT_LT(std::sqrt(source_squares / kSeeds), 1.2 * linear);
}

TEST(TrafficWatch, AShortLoginIsMarkedAndNothingElse) {
  TrafficWatch watch({}, kWatchSeed, 0);
  watch.ended(opening(1, 2, 22), true, 3000, 2000);    // refused
  watch.ended(opening(1, 2, 22), true, 300, 20);       // looked whether it is there
  watch.ended(opening(1, 2, 22), true, 90'000, 2000);  // worked
  watch.ended(opening(1, 2, 22), true, 3000, 60'000);
  watch.ended(opening(1, 2, 22), false, 3000, 2000);  // no answer
  watch.ended(opening(1, 2, 443), true, 3000, 2000);
  watch.ended(opening(1, 2, 22, net::protocol::kUdp), true, 3000, 2000);
  watch.turn(1000);
  const WatchPage* page = watch.take();
  ASSERT_NE(page, nullptr);
  unsigned marked = 0;
  page->ports.for_each([&](const Activity& port) {
    EXPECT_EQ(port.port, 22);
    marked += port.counts.marked;
  });
  EXPECT_EQ(marked, 1U);
}

TEST(TrafficWatch, KeepsOnlyNamesThatMayCarryData) {
  TrafficWatch watch({}, kWatchSeed, 0);
  const net::IpAddress client = net::Ipv4Address{be32(1)};
  watch.asked(client, {}, bytes_of_name("www.example.net"));
  watch.asked(client, {}, bytes_of_name("abcdefghijklmnopqrstuvwxyz234567.example.net"));
  // The same in another case, as resolvers write it.
  watch.asked(client, {}, bytes_of_name("aBcDefGHijklmnopqrstuvwxyz234567.eXample.net"));
  watch.asked(client, {}, bytes_of_name("bbcdefghijklmnopqrstuvwxyz234567.example.net"));
  watch.turn(1000);
  const WatchPage* page = watch.take();
  ASSERT_NE(page, nullptr);
  unsigned domains = 0;
  page->domains.for_each([&](const NameActivity& activity) {
    ++domains;
    EXPECT_EQ(std::string_view(activity.domain.data(), activity.domain_length), "example.net");
    EXPECT_EQ(activity.counts.opened, 3U);
    EXPECT_EQ(activity.counts.marked, 96U);
    EXPECT_NEAR(activity.distinct.estimate(), 2, 0.3);
  });
  EXPECT_EQ(domains, 1U);
}

TEST(TrafficWatch, TracingAPathIsNoScan) {
  TrafficWatch watch({}, kWatchSeed, 0);
  for (std::uint16_t port = 33434; port < 33534; ++port)
    watch.opened(opening(1, 2, port, net::protocol::kUdp));
  watch.turn(1000);
  watch.take()->pairs.for_each([](const Activity&) { FAIL() << "a pair"; });
}

// A reader that is late loses nothing, and the worker never waits.
TEST(TrafficWatch, GoesOnInItsPageWhileTheOtherIsRead) {
  TrafficWatch watch({}, kWatchSeed, 0);
  for (Tick now = 1; now <= 5000; ++now) {
    watch.opened(opening(1, 2, 80));
    watch.turn(now);
  }
  std::uint32_t total = 0;
  for (int i = 0; i < 2; ++i) {
    const WatchPage* page = watch.take();
    ASSERT_NE(page, nullptr);
    page->services.for_each([&](const Activity& service) { total += service.counts.opened; });
    watch.give_back();
    watch.turn(5001 + static_cast<Tick>(i) * 1000);
  }
  EXPECT_EQ(total, 5000U);
}

TEST(TrafficWatch, ItsPagesChangeHandsBetweenThreads) {
  constexpr std::uint32_t kSessions = 200'000;
  WatchSettings settings;
  settings.limits = {.pairs = 64, .ports = 64, .services = 64, .domains = 8};
  settings.interval_ms = 1;
  TrafficWatch watch(settings, kWatchSeed, 0);
  std::thread worker([&] {
    for (std::uint32_t i = 0; i < kSessions; ++i) {
      watch.opened(opening(i % 10, 2, 80));
      watch.turn(i / 16);
    }
  });
  std::uint32_t total = 0;
  const auto read = [&] {
    const WatchPage* page = watch.take();
    if (page == nullptr) return;
    page->services.for_each([&](const Activity& service) { total += service.counts.opened; });
    watch.give_back();
  };
  for (int i = 0; i < 2000; ++i) read();
  worker.join();
  read();
  watch.turn(kSessions);
  read();
  EXPECT_EQ(total, kSessions);
}

}  // namespace
}  // namespace millrace::firewall::inspection
