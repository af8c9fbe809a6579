// SPDX-License-Identifier: BSD-3-Clause
// Rules by application beside what else becomes of a session: inspection, SYN cookies, aggregates, pings.
#include "tests/packet/application/application_bed.h"
#include "tests/packet/inspection/inspection_bed.h"

namespace millrace::testing {
namespace {

constexpr firewall::ApplicationFinderSize kSome{
    .sessions = 64, .memory_bytes = std::size_t{1} << 20, .packets = 16};

// Accepted TLS and SSH; what is not SSH is looked into.
std::function<void(firewall::Policy&)> looked_into(const Shape& shape) {
  return [by = make_inspection({.signatures = "drop tcp any any -> any any (content:\"secret\"; sid:1;)"},
                               shape.workers)](firewall::Policy& policy) {
    PolicyMaker maker;
    const auto made =
        maker.make({.rules = {accept("admin").application("ssh"), accept("web").application("tls")},
                    .otherwise = Action::kDrop},
                   2);
    const auto generation = policy.generation;
    policy = *made;
    policy.generation = generation;
    policy.inspections = {by};
    policy.outcomes[1].inspection = 1;
  };
}

firewall::Limits both_limits() {
  firewall::Limits limits = inspection_limits();
  limits.applications = kSome;
  return limits;
}

class Looked {
 public:
  explicit Looked(const Shape& shape)
      : bed(shape, core::Forwarding::kRouted, looked_into(shape), both_limits()) {
    EXPECT_TRUE(inside(segment("S", 999, 0)));
    bed.send(ProtectBed::kOutside, bed.from_server().tcp(443, 40'000).flags("SA").seq(4999).ack(1000));
    bed.run();
    EXPECT_EQ(bed.sent(ProtectBed::kInside).size(), 1U);
    EXPECT_TRUE(inside(segment("A", 1000, 5000)));
  }
  bool says(std::string_view text) {
    const bool passed = inside(segment("PA", 1000 + said_, 5000).payload(text));
    said_ += static_cast<std::uint32_t>(text.size());
    return passed;
  }
  [[nodiscard]] std::uint64_t looked_into_now() {
    std::uint64_t sum = 0;
    for (unsigned worker = 0; worker < bed.workers(); ++worker)
      sum += bed.state(worker).inspector.conversations_in_use();
    return sum;
  }

  ProtectBed bed;

 private:
  [[nodiscard]] PacketBuilder segment(std::string_view flags, std::uint32_t seq, std::uint32_t ack) const {
    return bed.from_client().tcp(40'000, 443).flags(flags).seq(seq).ack(ack);
  }
  bool inside(const PacketBuilder& packet) {
    bed.send(ProtectBed::kInside, packet);
    bed.run();
    return bed.sent(ProtectBed::kOutside).size() == 1;
  }
  std::uint32_t said_ = 0;
};

TEST(ApplicationAndInspection, TheRuleItBecomesSaysWhetherItIsLookedInto) {
  for_each_shape([](const Shape& shape) {
    Looked web(shape);
    EXPECT_EQ(web.looked_into_now(), 1U) << "from its first packet on, for a rule that may accept it";
    EXPECT_TRUE(web.says(hello()));
    EXPECT_TRUE(web.says("nothing of note"));
    EXPECT_FALSE(web.says("a secret"));
    EXPECT_EQ(web.bed.dropped(Drop::kInspectionMatch), 1U);

    Looked admin(shape);
    EXPECT_TRUE(admin.says("SSH-2.0-OpenSSH_9.2p1\r\n"));
    EXPECT_EQ(admin.looked_into_now(), 0U);
    EXPECT_TRUE(admin.says("a secret"));

    Looked refused(shape);
    EXPECT_FALSE(refused.says(text_of(bittorrent_handshake())));
    EXPECT_EQ(refused.looked_into_now(), 0U);
    EXPECT_EQ(refused.bed.dropped(Drop::kApplication), 1U);
  });
}

TEST(ApplicationAndInspection, NothingIsMissedOfWhatWasSaidBeforeItsName) {
  for_some_shapes([](const Shape& shape) {
    Looked web(shape);
    const std::string text = hello("secret.example.org");
    const auto at = static_cast<std::uint32_t>(text.find("secret"));
    EXPECT_TRUE(web.says(text.substr(0, at + 3)));
    EXPECT_FALSE(web.says(text.substr(at + 3))) << "across two segments, the name known with the second";
    EXPECT_EQ(web.bed.dropped(Drop::kInspectionMatch), 1U);
  });
}

TEST(ApplicationAndPings, AProtocolMayBeTheName) {
  for_some_shapes([](const Shape& shape) {
    const char* const name = shape.ipv6 ? "icmpv6" : "icmp";
    ApplicationBed bed(shape, {.rules = {accept("ping").application(name)}});
    EXPECT_EQ(bed.client_sends(bed.bed.from_client().echo_request(1, 1)), 1U);
    EXPECT_EQ(bed.application(), name);
    EXPECT_EQ(bed.server_sends(bed.bed.from_server().echo_reply(1, 1)), 1U);
    EXPECT_FALSE(bed.client_datagram(5000, text_of(dns_query("example.org")), 53));
  });
}

// A segment in several buffers, as a port that puts segments together gives it.
TEST(ApplicationAndAggregates, ASegmentInSeveralBuffers) {
  for_some_shapes([](const Shape& shape) {
    ApplicationBed bed(shape, no_torrents());
    ApplicationBed::Talk talk{.server_port = 51413};
    ASSERT_TRUE(bed.open(talk));
    const std::string text = text_of(bittorrent_handshake()) + noise(3000, 1);
    bed.bed.bed().receive(ProtectBed::kInside, bed.client_segment(talk, "PA", 0).payload(text).bytes(), 0,
                          {.first_buffer = 80});
    bed.bed.run();
    EXPECT_EQ(bed.application(), "bittorrent");
    EXPECT_TRUE(bed.bed.sent(ProtectBed::kOutside).empty());
  });
}

}  // namespace
}  // namespace millrace::testing
