// SPDX-License-Identifier: BSD-3-Clause
#include "tests/benchmark/application_trouble.h"

#include <array>
#include <cstdio>
#include <random>
#include <string>

#include "tests/benchmark/web_traffic.h"
#include "tests/support/application_packets.h"
#include "vnfs/firewall/drops.h"

namespace millrace::benchmark {
namespace {

std::string text_of(const testing::Octets& bytes) { return {bytes.begin(), bytes.end()}; }

std::string noise(std::size_t bytes, unsigned seed) {
  std::mt19937 random(seed);
  std::string text(bytes, '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

firewall::Rule rule_for(const char* application, firewall::Action action) {
  firewall::Rule rule{.name = application, .action = action};
  rule.applications = {*dpi::application_named(application)};
  return rule;
}

class ApplicationTrouble final : public gate::Trouble {
 public:
  ApplicationTrouble() : spoil_(0x0affff01, *net::Ipv6Address::parse("2001:db8:a:ffff::1"), 9), random_(9) {
    bed_ = std::make_unique<FirewallBed>(
        BedConfig{.traffic = {.flows = kFlows},
                  .rules = 10,
                  .first_rules = {rule_for("bittorrent", firewall::Action::kDrop),
                                  rule_for("ssh", firewall::Action::kReject),
                                  rule_for("tls", firewall::Action::kAccept)},
                  .spare_sessions = 0,
                  .applications = {.sessions = 3, .memory_bytes = std::size_t{1} << 20, .packets = 6}});
    now_ = bed_->state(0).services.now;
    const std::string requests[] = {text_of(testing::client_hello_record("www.youtube.com", 1200)),
                                    text_of(testing::bittorrent_handshake()),
                                    "SSH-2.0-OpenSSH_9.2p1\r\n",
                                    "GET / HTTP/1.1\r\nHost: www.example.org\r\n\r\n",
                                    "SSH-",
                                    noise(900, 1)};
    for (std::size_t i = 0; i < shapes_.size(); ++i)
      shapes_[i] = {.request = requests[i], .answer = noise(4000, 2), .segment_bytes = 300};
  }

  [[nodiscard]] PipelineBed& bed() noexcept override { return *bed_; }
  void renew() override { bed_->bed().publish(bed_->renewed_snapshot()); }

  void fill() override {
    ++window_;
    now_ += window_ % 512 == 0 ? 4'000'000 : 10;
    bed_->bed().set_time(now_);
    bed_->fill(0, kWindow, [&](rte_mbuf* mbuf, unsigned) {
      const auto choice = static_cast<std::uint32_t>(random_());
      const unsigned flow = (window_ / 64 * 8 + choice % 16) % kFlows;
      const WebShape& shape = shapes_[flow % shapes_.size()];
      unsigned& next = next_[flow];
      if ((choice >> 8) % 4 != 0) ++next;
      const unsigned number = (next + (choice >> 10) % 2) % WebConnection::packets(shape);
      const unsigned port = WebConnection(bed_->traffic(0), shape, flow).write(mbuf, number);
      if ((choice >> 16) % 16 == 0) spoil_(mbuf);
      return port;
    });
  }

  [[nodiscard]] bool has_reached(unsigned packets) override {
    auto& finder = bed_->state(0).applications;
    const auto named = [&](const char* name) {
      return finder.counts().all()[static_cast<std::size_t>(*dpi::application_named(name))].read();
    };
    const auto other = finder.counts().all()[firewall::ApplicationCounts::kOther].read();
    const auto refused = bed_->bed().dropped(static_cast<std::uint8_t>(firewall::Drop::kApplication));
    std::printf(
        "%lu torrents, %lu videos, %lu ssh, %lu without a name, %lu packets refused, %lu without room",
        named("bittorrent"), named("youtube"), named("ssh"), other, refused, finder.without_room());
    return named("bittorrent") > 0 && named("youtube") > 0 && named("ssh") > 0 && other > 0 &&
           refused > packets / 100 && finder.without_room() > 0;
  }

 private:
  static constexpr unsigned kFlows = 256;

  gate::Spoiler spoil_;
  std::mt19937 random_;
  Tick now_ = 0;
  unsigned window_ = 0;
  std::array<WebShape, 6> shapes_;
  std::array<unsigned, kFlows> next_{};
  std::unique_ptr<FirewallBed> bed_;
};

}  // namespace

std::unique_ptr<gate::Trouble> make_application_trouble() { return std::make_unique<ApplicationTrouble>(); }

}  // namespace millrace::benchmark
