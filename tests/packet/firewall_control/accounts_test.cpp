// SPDX-License-Identifier: BSD-3-Clause
// Every packet that passes is counted once, by the rule that let it through and by the records of its flow:
// whatever the sessions go through meanwhile. The books are kept here by hand, from the packets that left.
#include <map>
#include <random>

#include "common/control/flow_log/flow_sink.h"
#include "tests/packet/firewall_control/control_bed.h"
#include "vnfs/firewall/drops.h"
#include "vnfs/firewall/flow_log_reader.h"

namespace millrace::testing {
namespace {

struct Count {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  Count& operator+=(const Count& other) {
    packets += other.packets;
    bytes += other.bytes;
    return *this;
  }
  bool operator==(const Count&) const = default;
};
void PrintTo(const Count& count, std::ostream* out) {
  *out << count.packets << " packets, " << count.bytes << " bytes";
}

using ByName = std::map<std::string, Count>;

// What the records of all flows told, by flow and direction.
class Told final : public control::FlowSink {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "test"; }
  void write(std::span<const control::FlowRecord> records) override {
    for (const auto& record : records) {
      const std::string flow = record.source.to_string() + ":" + std::to_string(record.source_port) + ">" +
                               std::to_string(record.destination_port);
      for (std::size_t side = 0; side < 2; ++side) {
        if (record.new_packets[side] == 0) continue;
        flows[flow + (side == 0 ? "" : " back")] += {record.new_packets[side], record.new_bytes[side]};
      }
      ++kinds[static_cast<std::size_t>(record.kind)];
      ++ends[static_cast<std::size_t>(record.end)];
      EXPECT_LE(record.new_start, record.last);
    }
  }
  void reopen() override {}
  [[nodiscard]] control::FlowSinkStatus status() const override { return {}; }
  bool flush(std::chrono::milliseconds) override { return true; }

  ByName flows;
  std::array<unsigned, 4> kinds{};
  std::array<unsigned, 6> ends{};
};

class Books {
 public:
  explicit Books(unsigned seed) : random_(seed) {
    reader_.set_sinks({told_});
    assign();
    bed_ = make_bed(vnf_, 2);
  }

  void step() {
    const unsigned dice = below(1000);
    if (dice < 800) {
      datagram(static_cast<std::uint16_t>(2000 + below(20)));
    } else if (dice < 805) {
      for (int i = 0; i < 1'000; ++i) datagram(static_cast<std::uint16_t>(3000 + below(6000)));
    } else if (dice < 900) {
      connection();
    } else if (dice < 985) {
      pass_time(below(40) == 0 ? 130'000 : below(3'000));
    } else if (dice < 994) {
      assign();
      bed_->publish(profile());
    } else if (dice < 996) {
      const auto workers = bed_->workers();
      control::PacketMatch match;
      match.port = static_cast<std::uint16_t>(1 + below(kServices));
      EXPECT_TRUE(bed_->vnf().flush_sessions(workers, bed_->snapshot(), match));
    } else if (dice < 998) {
      change_workers(1 + below(3));
    } else {
      move_house();
    }
    poll();
  }

  // A profile that has all rules, so that all their counters show.
  void all_rules() {
    rule_of_ = {"a", "b", "c", "no", "", "a"};
    bed_->publish(profile());
  }
  // After a round of the sweep the rules have everything, whatever is open.
  void check_rules() {
    pass_time(2'500);
    ByName found = earlier_;
    for (const auto& [name, count] : rules_of(*bed_)) found[name] += count;
    for (const auto& [name, count] : by_rule_) EXPECT_EQ(found[name], count) << "rule " << name;
  }
  // After an active timeout without packets the records have everything too.
  void check_flows() {
    pass_time(kActive + 3'000);
    for (const auto& [flow, count] : by_flow_) EXPECT_EQ(told_->flows[flow], count) << flow;
    EXPECT_EQ(told_->flows.size(), by_flow_.size());
  }
  void end_all() {
    const auto workers = bed_->workers();
    EXPECT_TRUE(bed_->vnf().flush_sessions(workers, bed_->snapshot(), {}));
    poll();
    EXPECT_EQ(bed_->vnf().session_count(workers), 0U);
  }

  [[nodiscard]] const Told& told() const { return *told_; }
  [[nodiscard]] std::uint64_t passed() const {
    std::uint64_t all = 0;
    for (const auto& [flow, count] : by_flow_) all += count.packets;
    return all;
  }

 private:
  static constexpr unsigned kServices = 6;
  static constexpr Tick kActive = 20'000;
  static constexpr std::uint32_t kSessions = 1024;  // fewer than there are flows in a flood

  unsigned below(unsigned limit) { return static_cast<unsigned>(random_() % limit); }

  // Services 1 to 6, each with its rule or with none.
  void assign() {
    static constexpr std::array kRules = {"a", "b", "c", "no", ""};
    for (auto& rule : rule_of_) rule = kRules[below(kRules.size())];
  }
  std::string profile() const {
    std::string text =
        "telemetry: {ipfix: {collector: \"127.0.0.1:9\"}, active_timeout: 20s}\n"
        "firewall:\n  protect: {reverse_path: off}\n  rules:\n"
        "    - {name: never, service: tcp/999, action: accept}\n";
    for (const std::string name : {"c", "no", "a", "b"}) {
      std::string services;
      for (unsigned service = 0; service < kServices; ++service) {
        if (rule_of_[service] != name) continue;
        for (const char* protocol : {"tcp/", "udp/"})
          services += (services.empty() ? "" : ", ") + (protocol + std::to_string(service + 1));
      }
      if (services.empty()) continue;  // its counters stay
      text += "    - {name: " + name + ", service: [" + services +
              "], action: " + (name == "no" ? "drop" : "accept") + "}\n";
    }
    return text;
  }

  std::unique_ptr<ControlBed> make_bed(const std::shared_ptr<firewall::Firewall>& vnf, unsigned workers) {
    auto bed = std::make_unique<ControlBed>(vnf, profile(), workers, kSessions);
    if (bed_ != nullptr) {
      bed->take_clock_of(*bed_);
      bed->set_time(now_);
    }
    return bed;
  }

  // A packet of a flow, and the books.
  bool send(const std::string& client, std::uint16_t port, std::uint16_t service, bool back,
            const PacketBuilder& packet, std::size_t ip_bytes) {
    const auto refused = [&](firewall::Drop reason) {
      return bed_->bed().dropped(static_cast<std::uint8_t>(reason));
    };
    const std::uint64_t by_rule = refused(firewall::Drop::kDeniedByRule);
    const std::uint64_t by_default = refused(firewall::Drop::kDeniedByDefault);
    const Count one{1, ip_bytes};
    const bool passed = bed_->passes(back ? ControlBed::kOutside : ControlBed::kInside, packet);
    if (passed) {
      by_rule_[rule_of_[service - 1U]] += one;
      by_flow_[client + ":" + std::to_string(port) + ">" + std::to_string(service) + (back ? " back" : "")] +=
          one;
    }
    if (refused(firewall::Drop::kDeniedByRule) != by_rule) by_rule_["no"] += one;
    if (refused(firewall::Drop::kDeniedByDefault) != by_default) by_rule_["default"] += one;
    return passed;
  }

  void datagram(std::uint16_t port) {
    const std::string client = "10.0.0." + std::to_string(10 + below(5));
    const auto service = static_cast<std::uint16_t>(1 + below(kServices));
    const unsigned payload = below(1400);
    if (below(3) != 0) {
      send(client, port, service, false, ControlBed::from_inside(client).udp(port, service).payload(payload),
           28 + payload);
    } else {
      send(client, port, service, true,
           ControlBed::from_outside("192.168.1.80", client).udp(service, port).payload(payload),
           28 + payload);
    }
  }

  // Some or all of a connection: what refuses a packet of it ends it for us.
  void connection() {
    const std::string client = "10.0.0." + std::to_string(20 + below(5));
    const auto port = next_port_++;
    const auto service = static_cast<std::uint16_t>(1 + below(kServices));
    const unsigned ask = below(500);
    const unsigned answer = below(1400);
    const auto from = [&](const char* flags, std::uint32_t seq, std::uint32_t ack, unsigned payload) {
      auto packet = ControlBed::from_inside(client).tcp(port, service).flags(flags).seq(seq);
      if (ack != 0) packet.ack(ack);
      return send(client, port, service, false, packet.payload(payload), 40 + payload);
    };
    const auto to = [&](const char* flags, std::uint32_t seq, std::uint32_t ack, unsigned payload) {
      return send(client, port, service, true,
                  ControlBed::from_outside("192.168.1.80", client)
                      .tcp(service, port)
                      .flags(flags)
                      .seq(seq)
                      .ack(ack)
                      .payload(payload),
                  40 + payload);
    };
    const bool whole = below(2) == 0;
    static_cast<void>(from("S", 1000, 0, 0) && to("SA", 5000, 1001, 0) && from("A", 1001, 5001, ask) &&
                      to("A", 5001, 1001 + ask, answer) && whole &&
                      from("FA", 1001 + ask, 5001 + answer, 0) && to("FA", 5001 + answer, 1002 + ask, 0) &&
                      from("A", 1002 + ask, 5002 + answer, 0));
  }

  void pass_time(Tick milliseconds) {
    for (const Tick end = now_ + milliseconds; now_ != end;) {
      // In a round of the sweep it is called often enough to come to all sessions.
      now_ += std::min<Tick>(end - now_, milliseconds > 30'000 ? 500 : 50);
      bed_->set_time(now_);
      poll();
    }
  }
  void poll() {
    for (core::Worker* worker : bed_->workers()) {
      auto& log = firewall::state_of(*worker).flow_log;
      reader_.poll(log);
      EXPECT_EQ(log.lost(), 0U);
    }
  }

  ByName rules_of(ControlBed& bed) {
    ByName found;
    const auto workers = bed.workers();
    for (const auto& family : bed.vnf().metrics(workers, bed.snapshot())) {
      for (const auto& sample : family.samples) {
        if (family.name == "rule_packets_total")
          found[sample.labels[0].second].packets = number(sample.value);
        if (family.name == "rule_bytes_total") found[sample.labels[0].second].bytes = number(sample.value);
      }
    }
    return found;
  }
  static std::uint64_t number(double value) { return static_cast<std::uint64_t>(value); }
  // The same process goes on with other workers.
  void change_workers(unsigned count) {
    auto next = make_bed(vnf_, count);
    const auto before = bed_->workers();
    const auto after = next->workers();
    vnf_->move_sessions(before, after, next->snapshot());
    poll();  // those who found no room
    bed_ = std::move(next);
  }

  // Another process takes over: this one counted what it let through, and ends.
  void move_house() {
    all_rules();
    const std::string stream = bed_->exported();
    auto vnf = std::make_shared<firewall::Firewall>();
    auto next = make_bed(vnf, 1 + below(3));
    const auto workers = next->workers();
    const auto imported = vnf->import_sessions(workers, next->snapshot(), stream);
    ASSERT_TRUE(imported);
    end_all();
    for (const auto& [name, count] : rules_of(*bed_)) earlier_[name] += count;
    bed_ = std::move(next);
    vnf_ = std::move(vnf);
  }
  std::mt19937 random_;
  std::array<std::string, kServices> rule_of_;
  std::shared_ptr<firewall::Firewall> vnf_ = std::make_shared<firewall::Firewall>();
  std::unique_ptr<ControlBed> bed_;
  std::shared_ptr<Told> told_ = std::make_shared<Told>();
  firewall::FlowLogReader reader_{(ensure_eal(256), rte_get_tsc_hz())};
  Tick now_ = 0;
  std::uint16_t next_port_ = 10'000;
  ByName by_rule_;
  ByName by_flow_;
  ByName earlier_;
};

class FirewallAccounts : public ::testing::TestWithParam<unsigned> {};

TEST_P(FirewallAccounts, RulesAndRecordsHoldEveryPacketOnce) {
  Books books(GetParam());
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 1'500; ++i) books.step();
    books.all_rules();
    books.check_rules();
    if (round % 2 == 0) books.check_flows();
    ASSERT_FALSE(HasFailure()) << "round " << round;
  }
  books.end_all();
  books.check_rules();
  books.check_flows();
  EXPECT_GT(books.passed(), 2'000U);
  EXPECT_GT(books.told().kinds[static_cast<std::size_t>(control::FlowEventKind::kUpdated)], 50U);
  for (const auto end : {control::FlowEnd::kActive, control::FlowEnd::kIdle, control::FlowEnd::kFinished,
                         control::FlowEnd::kForced, control::FlowEnd::kLackOfResources}) {
    EXPECT_GT(books.told().ends[static_cast<std::size_t>(end)], 5U) << static_cast<int>(end);
  }
}

INSTANTIATE_TEST_SUITE_P(AtRandom, FirewallAccounts, ::testing::Range(1U, 6U));

}  // namespace
}  // namespace millrace::testing
