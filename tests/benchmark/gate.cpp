// SPDX-License-Identifier: BSD-3-Clause
// What must hold on a worker of the firewall: benchmark_gate instructions|allocations|system_calls (gate.h),
// and what it costs to look for anomalies: handshakes, watched_handshakes, and watched, of instructions.
#include "tests/benchmark/gate.h"

#include <numeric>

#include "tests/benchmark/application_trouble.h"
#include "tests/benchmark/conversation_trouble.h"
#include "vnfs/firewall/drops.h"
#include "vnfs/firewall/inspection/list_kind.h"
#include "vnfs/firewall/inspection/signature_file.h"
#include "vnfs/firewall/inspection/threat_list_files.h"

namespace {

using namespace millrace;
using namespace millrace::benchmark;
using core::WorkerCounters;

std::optional<firewall::inspection::WatchSettings> watch_if(bool watched) {
  return watched ? std::optional(firewall::inspection::WatchSettings{}) : std::nullopt;
}

// A thousand sources are blocked, none of them the traffic's.
std::function<void(firewall::Policy&)> watch_by(bool watched) {
  if (!watched) return nullptr;
  std::vector<firewall::inspection::Block> blocks;
  for (std::uint32_t i = 0; i < 1000; ++i) {
    const net::IpAddress source(net::Ipv4Address{be32(0xcb007100 + i)});
    blocks.push_back({flow::SourceKey::of_network(source, 64, {}), 0});
  }
  auto directory = std::make_shared<firewall::inspection::BlockDirectory>();
  static_cast<void>(
      directory->replace(std::make_unique<const firewall::inspection::BlockList>(blocks, 64, 1)));
  return [directory](firewall::Policy& policy) {
    policy.watched = true;
    policy.blocked_sources = directory;
  };
}

// Everything that traffic can bring about: sessions that begin, run, end by timeout, give way to others;
// packets that are refused, answered, meant for the host, broken in every place. The clock jumps ahead
// between windows.
class FirewallTrouble final : public gate::Trouble {
 public:
  explicit FirewallTrouble(bool ipv6, bool watched = false)
      : spoil_(0x0affff01, *net::Ipv6Address::parse("2001:db8:a:ffff::1"), ipv6 ? 6 : 4),
        random_(ipv6 ? 6 : 4) {
    firewall::Rule dropped{.name = "no-sip", .action = firewall::Action::kDrop};
    dropped.services.push_back({.destination = {5060, 5060}});
    firewall::Rule rejected{.name = "no-ntp", .action = firewall::Action::kReject};
    rejected.services.push_back({.destination = {123, 123}});
    bed_ = std::make_unique<FirewallBed>(BedConfig{.traffic = {.flows = kFlows, .ipv6 = ipv6, .mixed = true},
                                                   .rules = 100,
                                                   .first_rules = {dropped, rejected},
                                                   .spare_sessions = 0,
                                                   .watch = watch_if(watched),
                                                   .adjust = watch_by(watched)});
    now_ = bed_->state(0).services.now;  // where the timers begin
    // Half of the flows are known to begin with; the table is no larger than all of them.
    for (const Step step : {Step::kSyn, Step::kSynAck, Step::kAck}) bed_->send(0, step, 0, kFlows / 2);
  }

  [[nodiscard]] PipelineBed& bed() noexcept override { return *bed_; }
  void renew() override { bed_->bed().publish(bed_->renewed_snapshot()); }

  void fill() override {
    ++window_;
    now_ += window_ % 512 == 0 ? 4'000'000 : 10;  // now and then past the longest timeout
    bed_->bed().set_time(now_);
    bed_->fill(0, kWindow, [&](rte_mbuf* mbuf, unsigned) {
      const auto choice = static_cast<std::uint32_t>(random_());
      const Step step = any_step(choice);
      Traffic& traffic = bed_->traffic(0);
      // A narrow range that moves, so that handshakes come to their end.
      const unsigned index = (window_ * 16 + (choice >> 8) % 64) % (2 * kFlows);
      traffic.write(mbuf, traffic.flow(index), step, 60 + (choice >> 20) % 8);
      if ((choice >> 4) % 8 == 0) spoil_(mbuf);
      return from_client(step) ? 0U : 1U;
    });
  }

  [[nodiscard]] bool has_reached(unsigned packets) override {
    const auto& sessions = bed_->state(0).sessions;
    const auto ended = sessions.opened() - sessions.open_now() - sessions.evicted();
    const auto total = [&](Counter WorkerCounters::*counter) {
      return static_cast<unsigned long>(bed_->bed().total(counter));
    };
    std::printf(
        "%lu packets, %lu sessions opened, %lu evicted, %lu ended otherwise, %lu packets dropped, %lu made, "
        "%lu to the host",
        total(&WorkerCounters::received), static_cast<unsigned long>(sessions.opened()),
        static_cast<unsigned long>(sessions.evicted()), static_cast<unsigned long>(ended),
        static_cast<unsigned long>(bed_->bed().dropped_in_all()), total(&WorkerCounters::originated),
        total(&WorkerCounters::to_host));
    // Nobody reads the pages: the first second's is full, and the worker goes on in the other.
    auto* const watch = bed_->state(0).watch.watch();
    if (watch != nullptr && (watch->take() == nullptr || !bed_->state(0).watch.is_watching())) return false;
    return sessions.opened() > packets / 100 && ended > packets / 1000 &&
           sessions.evicted() > packets / 1000 && bed_->bed().dropped_in_all() > packets / 100 &&
           total(&WorkerCounters::originated) > 0 && total(&WorkerCounters::to_host) > 0;
  }

 private:
  static constexpr unsigned kFlows = 4'000;

  gate::Spoiler spoil_;
  std::mt19937 random_;
  Tick now_ = 0;
  unsigned window_ = 0;
  std::unique_ptr<FirewallBed> bed_;
};

// Lists that name some of what is asked for: part of it is let through.
std::shared_ptr<const firewall::inspection::ThreatLists> some_lists() {
  using namespace firewall::inspection;
  using enum ListKind;
  const auto list = [](std::string name, ListKind kind, ListAction action, std::string_view text) {
    return ThreatListFile{
        .name = name, .kind = kind, .action = static_cast<std::uint8_t>(action), .text = text, .path = name};
  };
  auto lists = load_threat_lists(
      std::vector{list("clients", kAddress, ListAction::kAlert, "10.32.0.0/11\n"),
                  list("servers", kAddress, ListAction::kDrop, "192.168.0.0/21\n"),
                  list("rejected", kAddress, ListAction::kReject, "192.168.8.0/21\n"),
                  list("names", kDomain, ListAction::kAlert, "example.org\n"),
                  list("pages", kUrl, ListAction::kAlert, "http://www.example.org/wp-content/*\n")},
      {1, 2});
  return std::make_shared<const ThreatLists>(std::move(*lists));
}

// Pages asked for and sent, through signatures of every kind and threat lists.
class WebTrouble final : public ConversationTrouble {
 public:
  WebTrouble() : ConversationTrouble(5) {
    auto signatures = rare_signatures(500, false);
    for (auto& of_http : rare_signatures(500, true)) {
      of_http.id += 1000;
      signatures.push_back(std::move(of_http));
    }
    constexpr std::string_view kThatMatch =
        "alert http any any -> any any (content:\"page=2\"; http_uri; pcre:\"/id=\\d+&page/U\"; sid:3001;)\n"
        "alert tcp any any -> any any (content:\"function\"; content:\"session\"; distance:10; within:200; "
        "sid:3002;)\n"
        "drop tcp any any -> any any (content:\"document\"; threshold: type both, track by_src, count 5, "
        "seconds 60; "
        "byte_test:2,>,60000,4,relative; sid:3003;)\n"
        "alert http any any -> any any (file_data; content:\"script\"; pcre:\"/src=.[a-z]{4,9}/R\"; "
        "flowbits:set,seen; sid:3004;)\n"
        "reject http any any -> any any (flow:to_server; flowbits:isset,seen; content:\"firefox\"; nocase; "
        "http_user_agent; "
        "detection_filter: track by_dst, count 40, seconds 10; sid:3005;)\n";
    auto file = firewall::inspection::read_signatures(kThatMatch, firewall::inspection::default_variables());
    for (auto& signature : file.signatures) signatures.push_back(std::move(signature));
    by_ = make_inspection(std::move(signatures), 16'384);
    std::vector<WebShape> shapes{web_shape(10'000), web_shape(30'000), packed_shape(20'000)};
    shapes[1].segment_bytes = 300;
    shapes[2].segment_bytes = 700;
    use({.inspection = {.conversations = kFlows / 4, .stream_bytes = std::size_t{1} << 20, .events = 64},
         .adjust =
             [this](firewall::Policy& policy) {
               policy.inspections = {by_};
               policy.threat_lists = lists_;
               policy.list_slots.resize(lists_->size());
               std::iota(policy.list_slots.begin(), policy.list_slots.end(), kFirstListSlot);
               for (auto& outcome : policy.outcomes) outcome.inspection = 1;
             }},
        std::move(shapes));
  }

  [[nodiscard]] bool has_reached(unsigned packets) override {
    auto& inspector = bed_->state(0).inspector;
    const auto hits = [&](unsigned list) {
      return static_cast<unsigned long>(bed_->state(0).rule_counters[kFirstListSlot + list].hits.read());
    };
    std::printf("%lu, %lu, %lu, %lu and %lu hits of lists, ", hits(0), hits(1), hits(2), hits(3), hits(4));
    std::printf("%lu matches, %lu sessions unseen, %lu times no memory",
                static_cast<unsigned long>(inspector.matches()),
                static_cast<unsigned long>(inspector.unseen()),
                static_cast<unsigned long>(inspector.pool().refusals()));
    for (unsigned list = 0; list < lists_->size(); ++list) {
      if (hits(list) == 0) return false;
    }
    return inspector.matches() > packets / 1000 && inspector.unseen() > 0 &&
           bed_->bed().dropped(static_cast<std::uint8_t>(firewall::Drop::kStreamConflict)) > 0;
  }

 private:
  static constexpr std::uint32_t kFirstListSlot = 1000;
  std::shared_ptr<const firewall::inspection::Inspection> by_;
  std::shared_ptr<const firewall::inspection::ThreatLists> lists_ = some_lists();
};

std::unique_ptr<PipelineBed> make_handshakes(bool watched) {
  return std::make_unique<FirewallBed>(BedConfig{.traffic = {.flows = 10'000},
                                                 .spare_sessions = 0,
                                                 .watch = watch_if(watched),
                                                 .handshakes = true,
                                                 .adjust = watch_by(watched)});
}

std::unique_ptr<PipelineBed> make_bed(bool watched) {
  auto bed = std::make_unique<FirewallBed>(BedConfig{.traffic = {.flows = 10'000},
                                                     .spare_sessions = 0,
                                                     .watch = watch_if(watched),
                                                     .adjust = watch_by(watched)});
  bed->establish(0);
  return bed;
}

}  // namespace

int main(int argc, char** argv) {
  const std::array kinds{
      gate::Kind{"IPv4", [] { return std::make_unique<FirewallTrouble>(false); }},
      gate::Kind{"IPv6", [] { return std::make_unique<FirewallTrouble>(true); }},
      gate::Kind{"anomalies, IPv4", [] { return std::make_unique<FirewallTrouble>(false, true); }},
      gate::Kind{"anomalies, IPv6", [] { return std::make_unique<FirewallTrouble>(true, true); }},
      gate::Kind{"inspection", [] { return std::make_unique<WebTrouble>(); }},
      gate::Kind{"applications", [] { return make_application_trouble(); }},
  };
  const std::array counted{
      gate::Counted{"watched", [] { return make_bed(true); }, 16, 64},
      gate::Counted{"handshakes", [] { return make_handshakes(false); }, 15, 63},
      gate::Counted{"watched_handshakes", [] { return make_handshakes(true); }, 15, 63},
  };
  return gate::run(
      argc, argv, [] { return make_bed(false); }, kinds, counted);
}
