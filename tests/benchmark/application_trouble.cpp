// SPDX-License-Identifier: BSD-3-Clause
#include "tests/benchmark/application_trouble.h"

#include <cstdio>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/benchmark/conversation_trouble.h"
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

class ApplicationTrouble final : public ConversationTrouble {
 public:
  ApplicationTrouble() : ConversationTrouble(9) {
    const std::string requests[] = {text_of(testing::client_hello_record("www.youtube.com", 1200)),
                                    text_of(testing::bittorrent_handshake()),
                                    "SSH-2.0-OpenSSH_9.2p1\r\n",
                                    "GET / HTTP/1.1\r\nHost: www.example.org\r\n\r\n",
                                    "SSH-",
                                    noise(900, 1)};
    std::vector<WebShape> shapes;
    for (const std::string& request : requests)
      shapes.push_back({.request = request, .answer = noise(4000, 2), .segment_bytes = 300});
    use({.first_rules = {rule_for("bittorrent", firewall::Action::kDrop),
                         rule_for("ssh", firewall::Action::kReject),
                         rule_for("tls", firewall::Action::kAccept)},
         .applications = {.sessions = 3, .memory_bytes = std::size_t{1} << 20, .packets = 6}},
        std::move(shapes));
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
};

}  // namespace

std::unique_ptr<gate::Trouble> make_application_trouble() { return std::make_unique<ApplicationTrouble>(); }

}  // namespace millrace::benchmark
