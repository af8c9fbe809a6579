// SPDX-License-Identifier: BSD-3-Clause
// What lists of a million entries take: seconds to load, bytes for each entry, at most while loading and
// then, and cycles and nanoseconds of a look-up that hits and of one that misses. One JSON object a line.
//
//   benchmark_threat_lists [ENTRIES]      1,000,000 unless it is said
//   benchmark_threat_lists allocations    fails when looking up allocates
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <malloc.h>
#include <x86intrin.h>

#include "tests/benchmark/count_allocations.h"
#include "tests/benchmark/report.h"
#include "vnfs/firewall/inspection/http_text.h"
#include "vnfs/firewall/inspection/threat_list_files.h"

namespace {

using namespace millrace;
using namespace millrace::firewall::inspection;
using Clock = std::chrono::steady_clock;

constexpr SipKey kSeed = {0x243f6a8885a308d3, 0x13198a2e03707344};
constexpr std::size_t kAsked = 1 << 15;

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}

  std::uint32_t below(std::uint32_t end) { return engine_() % end; }
  std::string word(std::uint32_t least, std::uint32_t most) {
    std::string made;
    for (std::uint32_t length = least + below(most - least + 1); length > 0; --length)
      made += "abcdefghijklmnopqrstuvwxyz0123456789"[below(36)];
    return made;
  }
  // About 18 bytes and 2.5 labels, as lists have them.
  std::string domain() {
    static constexpr std::array kTops = {".com", ".net", ".org", ".info", ".co.uk", ".xyz", ".top", ".ru"};
    return (below(3) == 0 ? word(2, 8) + "." : "") + word(6, 18) + kTops[below(kTops.size())];
  }
  net::IpAddress v4() { return net::Ipv4Address{be32(engine_())}; }
  net::IpAddress v6() {
    net::Ipv6Address made{{0x20, 0x01}};
    for (std::size_t i = 2; i < made.bytes.size(); ++i) made.bytes[i] = static_cast<std::uint8_t>(engine_());
    return made;
  }

 private:
  std::independent_bits_engine<std::mt19937, 32, std::uint32_t> engine_;
};

// "VmRSS" or "VmHWM" of this process, in bytes.
double memory(std::string_view key) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(key)) return std::strtod(line.c_str() + key.size() + 1, nullptr) * 1024;
  }
  return 0;
}

// What was freed before does not count.
void forget_peak() {
  malloc_trim(0);
  std::ofstream("/proc/self/clear_refs") << "5";
}

struct Cost {
  double cycles = 1e9;
  double ns = 1e9;
  std::size_t found = 0;
};

// The best of some rounds over all that is asked for.
template <class Asked, class Find>
Cost cost_of(const std::vector<Asked>& asked, Find find) {
  Cost cost;
  for (int round = 0; round < 7; ++round) {
    cost.found = 0;
    const auto start = Clock::now();
    const std::uint64_t begin = __rdtsc();
    for (const Asked& one : asked) cost.found += find(one).empty() ? 0 : 1;
    const auto count = static_cast<double>(asked.size());
    cost.cycles = std::min(cost.cycles, static_cast<double>(__rdtsc() - begin) / count);
    cost.ns =
        std::min(cost.ns, std::chrono::duration<double, std::nano>(Clock::now() - start).count() / count);
  }
  return cost;
}

template <class Asked>
struct Case {
  const char* name;
  ListKind kind;
  std::vector<std::string> entries;
  std::vector<Asked> hits;
  std::vector<Asked> misses;
};

template <class Asked, class Find>
void measure(const Case<Asked>& what, Find find) {
  std::string text;
  for (const std::string& entry : what.entries) text += entry + "\n";
  const std::vector files = {
      ThreatListFile{.name = what.name, .kind = what.kind, .text = text, .path = what.name}};
  forget_peak();
  const double before = memory("VmRSS");
  const auto start = Clock::now();
  const auto lists = load_threat_lists(files, kSeed);
  const std::chrono::duration<double> took = Clock::now() - start;
  if (!lists) return void(std::fprintf(stderr, "%s\n", lists.error().message().c_str()));
  const auto entries = static_cast<double>(lists->member(0).list->size());
  const double peak = memory("VmHWM") - before;
  const auto again = Clock::now();
  const auto reloaded = load_threat_lists(files, kSeed, &*lists);
  const std::chrono::duration<double, std::milli> unchanged = Clock::now() - again;
  const Cost hit = cost_of(what.hits, [&](const Asked& asked) { return find(*lists, asked); });
  const Cost miss = cost_of(what.misses, [&](const Asked& asked) { return find(*lists, asked); });
  benchmark::Line("threat_list")
      .text("list", what.name)
      .number("entries", entries)
      .number("load_s", took.count())
      .number("unchanged_ms", unchanged.count())
      .number("bytes_per_entry", static_cast<double>(lists->memory_bytes()) / entries)
      .number("peak_bytes_per_entry", peak / entries)
      .number("text_bytes_per_entry", static_cast<double>(text.size()) / entries)
      .number("hit_cycles", hit.cycles)
      .number("hit_ns", hit.ns)
      .number("hits_found", static_cast<double>(hit.found) / kAsked)
      .number("miss_cycles", miss.cycles)
      .number("miss_ns", miss.ns)
      .number("misses_found", static_cast<double>(miss.found) / kAsked);
}

const auto kFindDomain = [](const ThreatLists& lists, const std::string& host) {
  return lists.find_domain(bytes_of(host));
};
const auto kFindAddress = [](const ThreatLists& lists, const net::IpAddress& address) {
  return lists.find_address(address);
};
const auto kFindJa3 = [](const ThreatLists& lists, const std::string& digits) {
  return lists.find_ja3(bytes_of(digits));
};
using Url = std::pair<std::string, std::string>;
const auto kFindUrl = [](const ThreatLists& lists, const Url& url) {
  return lists.find_url(bytes_of(url.first), bytes_of(url.second));
};

Case<std::string> domains(std::size_t count) {
  Random random(1);
  Case<std::string> made{"domains", ListKind::kDomain, {}, {}, {}};
  for (std::size_t i = 0; i < count; ++i) made.entries.push_back(random.domain());
  for (std::size_t i = 0; i < kAsked; ++i) {
    made.hits.push_back("www." + made.entries[random.below(static_cast<std::uint32_t>(count))]);
    made.misses.push_back("www." + random.domain());
  }
  return made;
}

Case<net::IpAddress> addresses(std::size_t count, const char* name, net::IpAddress (Random::*next)()) {
  Random random(2);
  Case<net::IpAddress> made{name, ListKind::kAddress, {}, {}, {}};
  for (std::size_t i = 0; i < count; ++i) {
    const net::IpAddress address = (random.*next)();
    made.entries.push_back(address.to_string());
    if (i < kAsked) made.hits.push_back(address);
  }
  for (std::size_t i = 0; i < kAsked; ++i) made.misses.push_back((random.*next)());
  return made;
}

Case<Url> urls(std::size_t count, bool prefixes) {
  Random random(3);
  Case<Url> made{prefixes ? "URLs, a tenth prefixes" : "URLs", ListKind::kUrl, {}, {}, {}};
  for (std::size_t i = 0; i < count; ++i) {
    const Url url{random.domain(), "/" + random.word(3, 10) + "/" + random.word(3, 12) + ".exe"};
    const bool is_prefix = prefixes && i % 10 == 0;
    made.entries.push_back("http://" + url.first + url.second + (is_prefix ? "*" : ""));
    if (i < kAsked) made.hits.push_back(url);
  }
  for (std::size_t i = 0; i < kAsked; ++i)
    made.misses.emplace_back(random.domain(), "/" + random.word(5, 40));
  return made;
}

Case<std::string> ja3s(std::size_t count) {
  Random random(4);
  Case<std::string> made{"JA3", ListKind::kJa3, {}, {}, {}};
  const auto digits = [&] {
    std::string text;
    for (int i = 0; i < 32; ++i) text += "0123456789abcdef"[random.below(16)];
    return text;
  };
  for (std::size_t i = 0; i < count; ++i) {
    made.entries.push_back(digits());
    if (i < kAsked) made.hits.push_back(made.entries.back());
  }
  for (std::size_t i = 0; i < kAsked; ++i) made.misses.push_back(digits());
  return made;
}

// Hits and misses of every kind, in lists of a few thousand.
int count_allocations() {
  const auto run = [](const auto& what, auto find) -> bool {
    std::string text;
    for (const std::string& entry : what.entries) text += entry + "\n";
    const std::vector files = {
        ThreatListFile{.name = what.name, .kind = what.kind, .text = text, .path = what.name}};
    const auto lists = load_threat_lists(files, kSeed);
    if (!lists) return false;
    std::size_t found = 0;
    const std::uint64_t before = benchmark::allocations();
    for (const auto& asked : what.hits) found += find(*lists, asked).count();
    for (const auto& asked : what.misses) found += find(*lists, asked).count();
    const std::uint64_t made = benchmark::allocations() - before;
    std::printf("%s: %zu found, %llu allocations\n", what.name, found, static_cast<unsigned long long>(made));
    return made == 0 && found != 0;
  };
  constexpr std::size_t kFew = 5000;
  bool good = run(domains(kFew), kFindDomain);
  good = run(addresses(kFew, "IPv4", &Random::v4), kFindAddress) && good;
  good = run(addresses(kFew, "IPv6", &Random::v6), kFindAddress) && good;
  good = run(urls(kFew, true), kFindUrl) && good;
  return run(ja3s(kFew), kFindJa3) && good ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "allocations") return count_allocations();
  const std::size_t count = argc == 2 ? std::strtoul(argv[1], nullptr, 10) : 1'000'000;
  if (count == 0) return 2;
  measure(domains(count), kFindDomain);
  measure(addresses(count, "IPv4", &Random::v4), kFindAddress);
  measure(addresses(count, "IPv6", &Random::v6), kFindAddress);
  measure(urls(count, false), kFindUrl);
  measure(urls(count, true), kFindUrl);
  measure(ja3s(count), kFindJa3);
  return 0;
}
