// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/traffic_watch.h"

#include <algorithm>
#include <cstring>

#include "common/flow/key.h"
#include "common/net/wire.h"
#include "vnfs/firewall/inspection/query_name.h"

namespace millrace::firewall::inspection {
namespace {

// Constants of wyhash's, one for each use of a hash.
constexpr std::uint64_t kPairs = 0xe7037ed1a0b428db;
constexpr std::uint64_t kPorts = 0x8ebc6af09c88c6e3;
constexpr std::uint64_t kServices = 0x589965cc75374cc3;
constexpr std::uint64_t kElements = 0x1d8e4e27c47d124f;

// traceroute's probes walk through these ports of one host, and nothing answers them.
constexpr std::uint16_t kTracerouteFirst = 33434;
constexpr std::uint16_t kTracerouteLast = 33534;

bool has_ports(std::uint8_t protocol) noexcept {
  return protocol == net::protocol::kTcp || protocol == net::protocol::kUdp ||
         protocol == net::protocol::kSctp;
}

bool is_traceroute(const Opening& opening) noexcept {
  return opening.protocol == net::protocol::kUdp && opening.port >= kTracerouteFirst &&
         opening.port <= kTracerouteLast;
}

void begin(Activity& activity, const flow::SourceKey& who, const Opening& opening) noexcept {
  activity.who = who;
  activity.other = {};
  activity.port = opening.port;
  activity.protocol = opening.protocol;
  activity.counts = {};
  activity.distinct.clear();
}

}  // namespace

TrafficWatch::TrafficWatch(const WatchSettings& settings, const SipKey& seed, Tick now)
    : seed_(seed),
      login_ports_(settings.login_ports),
      short_ms_(settings.short_ms),
      short_bytes_(settings.short_bytes),
      login_bytes_(settings.login_bytes),
      ipv6_source_bits_(settings.ipv6_source_bits),
      interval_ms_(settings.interval_ms),
      pages_{WatchPage(settings.limits, now), WatchPage(settings.limits, now)} {}

std::uint64_t TrafficWatch::hash_of(const flow::SourceKey& key) const noexcept {
  return flow::mix(flow::mix(key.first ^ seed_[0], key.second ^ seed_[1]) ^ key.rest, seed_[0] ^ kElements);
}

std::uint64_t TrafficWatch::hash_of(Bytes bytes) const noexcept {
  std::uint64_t hash = seed_[0] ^ bytes.size();
  for (; !bytes.empty(); bytes = bytes.subspan(std::min(bytes.size(), sizeof hash))) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), std::min(bytes.size(), sizeof word));
    // Letters are the same in either case (RFC 4343).
    hash = flow::mix(hash ^ (word | 0x2020202020202020), seed_[1] ^ kElements);
  }
  return flow::mix(hash ^ seed_[1], kPairs);
}

void TrafficWatch::note(const Opening& opening, std::uint32_t Counts::*which) noexcept {
  WatchPage& page = pages_[filling_];
  const flow::SourceKey source = source_key(opening.source, opening.segment);
  const flow::SourceKey host(opening.destination, opening.segment, flow::SourceKey::kEverywhere);
  const std::uint64_t source_hash = hash_of(source);
  const std::uint64_t host_hash = hash_of(host);
  const std::uint64_t port = std::uint64_t{opening.protocol} << 16 | opening.port;
  const bool udp = opening.protocol == net::protocol::kUdp;
  const std::uint64_t service_port = udp ? std::uint64_t{opening.protocol} << 16 : port;
  const std::uint64_t pair = flow::mix(source_hash ^ kPairs, host_hash ^ seed_[1]);
  const std::uint64_t sweep = flow::mix(source_hash ^ port, seed_[1] ^ kPorts);
  const std::uint64_t service = flow::mix(host_hash ^ service_port, seed_[1] ^ kServices);
  page.pairs.prefetch(pair);
  page.ports.prefetch(sweep);
  page.services.prefetch(service);
  if (has_ports(opening.protocol) && !is_traceroute(opening)) {
    note_pair(opening, source, pair, which);
    Activity& towards = page.services.count(service, [&](Activity& fresh) noexcept {
      begin(fresh, host, opening);
      if (udp) fresh.port = 0;
    });
    towards.other = opening.source.bytes();
    ++(towards.counts.*which);
    towards.distinct.add(source_hash);
  }
  Activity& on_port =
      page.ports.count(sweep, [&](Activity& fresh) noexcept { begin(fresh, source, opening); });
  on_port.other = opening.destination.bytes();
  ++(on_port.counts.*which);
  on_port.distinct.add(host_hash);
}

void TrafficWatch::note_pair(const Opening& opening, const flow::SourceKey& source, std::uint64_t hash,
                             std::uint32_t Counts::*which) noexcept {
  const std::uint64_t port = std::uint64_t{opening.protocol} << 16 | opening.port;
  Activity& pair = pages_[filling_].pairs.count(hash, [&](Activity& fresh) noexcept {
    begin(fresh, source, opening);
    fresh.other = opening.destination.bytes();
  });
  pair.port = opening.port;
  ++(pair.counts.*which);
  pair.distinct.add(flow::hash_words(port, kElements, seed_[0]));
}

bool TrafficWatch::is_login(const Opening& opening) const noexcept {
  return opening.protocol == net::protocol::kTcp && opening.port != 0 &&
         std::find(login_ports_.begin(), login_ports_.end(), opening.port) != login_ports_.end();
}

void TrafficWatch::ended(const Opening& opening, bool was_established, std::uint64_t bytes,
                         std::uint32_t duration_ms) noexcept {
  if (!was_established || duration_ms > short_ms_) return;
  if (bytes > short_bytes_ || bytes < login_bytes_ || !is_login(opening)) return;
  const flow::SourceKey source = source_key(opening.source, opening.segment);
  const flow::SourceKey host(opening.destination, opening.segment, flow::SourceKey::kEverywhere);
  const std::uint64_t port = std::uint64_t{opening.protocol} << 16 | opening.port;
  const std::uint64_t hash = flow::mix(hash_of(source) ^ port, seed_[1] ^ kPorts);
  Activity& activity =
      pages_[filling_].ports.count(hash, [&](Activity& fresh) noexcept { begin(fresh, source, opening); });
  activity.other = opening.destination.bytes();
  ++activity.counts.marked;
  activity.distinct.add(hash_of(host));
}

void TrafficWatch::asked(const net::IpAddress& client, flow::Segment segment, Bytes name) noexcept {
  const QueryName weighed = weigh_query_name(name);
  if (!weighed.laden()) return;
  const flow::SourceKey who = source_key(client, segment);
  const std::uint64_t domain = hash_of(weighed.domain);
  const std::uint64_t hash = flow::mix(hash_of(who) ^ domain, seed_[1] ^ kServices);
  NameActivity& activity = pages_[filling_].domains.count(hash, [&](NameActivity& fresh) noexcept {
    fresh.who = who;
    fresh.domain_hash = domain;
    fresh.counts = {};
    fresh.distinct.clear();
    const Bytes end = weighed.domain.last(std::min(weighed.domain.size(), NameActivity::kDomainBytes));
    fresh.domain_length = static_cast<std::uint8_t>(end.size());
    std::copy(end.begin(), end.end(), fresh.domain.begin());
  });
  ++activity.counts.opened;
  activity.counts.marked += weighed.carried;
  activity.distinct.add(hash_of(name));
}

void TrafficWatch::hand_over(Tick now) noexcept {
  if (handed_over_.load(std::memory_order_acquire)) return;
  pages_[filling_].ended = now;
  filling_ ^= 1U;
  pages_[filling_].began = now;
  handed_over_.store(true, std::memory_order_release);
}

const WatchPage* TrafficWatch::take() noexcept {
  return handed_over_.load(std::memory_order_acquire) ? &pages_[reading_] : nullptr;
}

void TrafficWatch::give_back() noexcept {
  pages_[reading_].clear();
  reading_ ^= 1U;
  handed_over_.store(false, std::memory_order_release);
}

std::uint64_t TrafficWatch::evicted() const noexcept {
  std::uint64_t all = 0;
  for (const WatchPage& page : pages_)
    all += page.pairs.evicted() + page.ports.evicted() + page.services.evicted() + page.domains.evicted();
  return all;
}

std::size_t TrafficWatch::memory_bytes() const noexcept {
  return pages_[0].memory_bytes() + pages_[1].memory_bytes();
}

}  // namespace millrace::firewall::inspection
