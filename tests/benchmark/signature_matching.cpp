// SPDX-License-Identifier: BSD-3-Clause
// What it costs to find which signatures match, beside a bare scan of the same Hyperscan database over the
// same segments in the same run.
//
//   benchmark_signature_matching [SIGNATURES...]   1,000 and 10,000 unless it is said
//   benchmark_signature_matching allocations       fails when matching allocates
//
// Streams of HTTP requests and pages, 64 KiB each, in segments of 1,448 bytes. The signatures are one content
// each, of words that HTTP is full of and a rare end; a few of them match. One JSON object a line.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <x86intrin.h>

#include "common/acceleration/dpi/scanner.h"
#include "tests/benchmark/count_allocations.h"
#include "tests/benchmark/report.h"
#include "vnfs/firewall/inspection/compile_signatures.h"
#include "vnfs/firewall/inspection/matcher.h"

namespace {

using namespace millrace;
using namespace millrace::firewall::inspection;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kStreamBytes = 64 << 10;
constexpr std::size_t kSegmentBytes = 1448;
constexpr std::size_t kStreams = 64;

class Words {
 public:
  explicit Words(unsigned seed) : random_(seed) {}

  std::string common() {
    static constexpr std::string_view kWords[] = {"/index.php?id=",
                                                  "Mozilla/5.0 (Windows NT 10.0; Win64; x64)",
                                                  "User-Agent: ",
                                                  "Accept: text/html",
                                                  "<div class=\"",
                                                  "</div>\n",
                                                  "<script src=\"/static/",
                                                  "Content-Type: ",
                                                  "/wp-content/themes/",
                                                  "Cookie: session=",
                                                  "http://www.example.org/",
                                                  "&page=",
                                                  "function (event) {",
                                                  "<a href=\"/",
                                                  "application/x-www-form-urlencoded",
                                                  " = document.getElementById("};
    return std::string(kWords[random_() % std::size(kWords)]);
  }
  std::string rare(std::size_t length) {
    std::string text(length, ' ');
    for (char& c : text) c = "abcdefghijklmnopqrstuvwxyz0123456789._-"[random_() % 39];
    return text;
  }
  std::string content() {
    std::string text = random_() % 2 == 0 ? common() : "";
    return text + rare(5 + random_() % 12);
  }
  std::string stream() {
    std::string text;
    while (text.size() < kStreamBytes)
      text += common() + rare(random_() % 24) + (random_() % 4 == 0 ? "\r\n" : " ");
    text.resize(kStreamBytes);
    return text;
  }

 private:
  std::mt19937 random_;
};

Bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

template <class Value>
Value taken(Result<Value> result) {
  if (!result) throw std::runtime_error(result.error().message());
  return std::move(*result);
}

Signature signature_of(std::uint32_t id, std::vector<Test> tests) {
  Signature made;
  made.protocol = 6;
  made.id = id;
  made.flow.from = Side::kClient;
  made.buffers.push_back({Buffer::kPayload, std::move(tests)});
  return made;
}

Content content_of(std::string bytes, bool caseless = false) {
  Content made;
  made.bytes = std::move(bytes);
  made.caseless = caseless;
  return made;
}

// Feeds a stream as it comes from the network, and counts what matches.
class Feeder {
 public:
  explicit Feeder(const std::shared_ptr<const SignatureSet>& set) : matcher_(taken(Matcher::make(set))) {
    subject_.protocol = 6;
    subject_.parts = &parts_;
  }
  std::size_t feed(std::string_view stream) {
    MatchState state;
    FlowBits bits;
    std::size_t found = 0;
    for (std::size_t end = kSegmentBytes; end <= stream.size(); end += kSegmentBytes) {
      parts_.set(Buffer::kPayload, bytes_of(stream.substr(0, end)), true);
      subject_.fresh = bit(Buffer::kPayload);
      Hits hits;
      static_cast<void>(matcher_->match(subject_, state, bits, thresholds_, hits));
      found += hits.count;
    }
    return found;
  }
  [[nodiscard]] const Matcher& matcher() const { return *matcher_; }

 private:
  std::unique_ptr<Matcher> matcher_;
  Thresholds thresholds_{1024, {1, 2}};
  Parts parts_;
  Subject subject_;
};

struct Cost {
  benchmark::Samples gbps;
  benchmark::Samples cycles_per_byte;
};

template <class Run>
void sample(Cost& cost, Run run) {
  constexpr double kBytes = static_cast<double>(kStreams * (kStreamBytes / kSegmentBytes) * kSegmentBytes);
  const auto begin = Clock::now();
  const std::uint64_t cycles = __rdtsc();
  run();
  cost.cycles_per_byte.add(static_cast<double>(__rdtsc() - cycles) / kBytes);
  cost.gbps.add(8 * kBytes / std::chrono::duration<double, std::nano>(Clock::now() - begin).count());
}

void measure(std::uint32_t count) {
  Words words(count);
  std::vector<Signature> signatures;
  for (std::uint32_t id = 1; id <= count; ++id)
    signatures.push_back(signature_of(id, {content_of(words.content(), id % 3 == 0)}));
  std::vector<std::string> streams;
  for (std::size_t i = 0; i < kStreams; ++i) streams.push_back(words.stream());
  for (std::size_t i = 0; i < kStreams; i += 4) {
    const std::string& there = std::get<Content>(signatures[i].buffers[0].tests[0]).bytes;
    streams[i].replace(1000 + 100 * i, there.size(), there);
  }
  FlowBitNames names;
  const auto begin = Clock::now();
  const CompiledSet compiled = taken(compile_signatures(signatures, names));
  const double compile_ms = std::chrono::duration<double, std::milli>(Clock::now() - begin).count();

  const auto place =
      SignatureSet::place_of(Buffer::kPayload, Side::kClient, SignatureSet::Carrier::kTcpStream);
  const Prefilter& prefilter = compiled.set->prefilter(place);
  const dpi::Scratch scratch = taken(compiled.set->scratch()->clone());
  Feeder feeder(compiled.set);
  std::size_t found = 0;
  std::size_t scanned = 0;
  const auto match = [&] {
    found = 0;
    for (const std::string& stream : streams) found += feeder.feed(stream);
  };
  const auto scan = [&] {
    scanned = 0;
    for (const std::string& stream : streams) {
      for (std::size_t end = kSegmentBytes; end <= stream.size(); end += kSegmentBytes) {
        static_cast<void>(dpi::scan(*prefilter.database, scratch,
                                    bytes_of(stream).subspan(end - kSegmentBytes, kSegmentBytes),
                                    [&](dpi::Match) noexcept { return ++scanned != 0; }));
      }
    }
  };
  match();
  scan();
  Cost ours;
  Cost bare;
  for (int round = 0; round < 25; ++round) {
    sample(bare, scan);
    sample(ours, match);
  }
  benchmark::Line("signature_matching")
      .number("signatures", count)
      .number("patterns", static_cast<double>(compiled.report.patterns))
      .number("database_bytes", static_cast<double>(compiled.report.database_bytes))
      .number("compile_ms", compile_ms)
      .number("matches", static_cast<double>(found))
      .samples("gbps", ours.gbps)
      .samples("cycles_per_byte", ours.cycles_per_byte)
      .samples("bare_gbps", bare.gbps)
      .samples("bare_cycles_per_byte", bare.cycles_per_byte)
      .number("ratio", bare.cycles_per_byte.best() / ours.cycles_per_byte.best());
}

// Expressions, variables and signatures that wait, on streams where they match and nearly do.
int count_allocations() {
  std::vector<Signature> signatures;
  for (std::uint32_t id = 1; id <= 40; ++id) {
    signatures.push_back(signature_of(
        id, {content_of("User-Agent"),
             Pcre{.pattern = "x(y|z)*" + std::to_string(id) + "(?=w)", .relative = id % 2 == 0}}));
    signatures.push_back(signature_of(
        100 + id, {content_of("page="), ByteExtract{.numeral = {.bytes = 1, .offset = {}, .relative = true}},
                   content_of("rare" + std::to_string(id))}));
  }
  signatures.push_back(signature_of(1000, {content_of("<div"), Pcre{.pattern = "class=\"[^\"]+(a|b)+c"}}));
  signatures.back().threshold = Threshold{};
  FlowBitNames names;
  const CompiledSet compiled = taken(compile_signatures(signatures, names));
  Feeder feeder(compiled.set);
  Words words(1);
  std::vector<std::string> streams;
  for (int i = 0; i < 16; ++i) streams.push_back(words.stream());
  const std::uint64_t before = benchmark::allocations();
  std::size_t found = 0;
  for (const std::string& stream : streams) found += feeder.feed(stream);
  const std::uint64_t made = benchmark::allocations() - before;
  std::printf("%zu matches, %llu evaluations, %llu allocations\n", found,
              static_cast<unsigned long long>(feeder.matcher().evaluations()),
              static_cast<unsigned long long>(made));
  return made == 0 && found != 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "allocations") return count_allocations();
  std::vector<std::uint32_t> counts;
  for (int i = 1; i < argc; ++i)
    counts.push_back(static_cast<std::uint32_t>(std::strtoul(argv[i], nullptr, 10)));
  if (counts.empty()) counts = {1000, 10000};
  for (const std::uint32_t count : counts) measure(count);
  return 0;
}
