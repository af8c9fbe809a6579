// SPDX-License-Identifier: BSD-3-Clause
// Packets written out from the protocols' specifications; what does not fit into memory; what is not a
// packet.
#include "common/acceleration/dpi/application_detector.h"

#include <atomic>
#include <random>
#include <thread>

#include <gtest/gtest.h>

#include "tests/support/application_packets.h"

namespace millrace::dpi {
namespace {

using testing::IpShape;
using testing::Octets;
using testing::octets;
using State = Detection::State;

std::unique_ptr<ApplicationDetector> detector_of(const DetectorLimits& limits) {
  auto made = ApplicationDetector::make(limits);
  if (!made) throw std::runtime_error(made.error().message());
  return std::move(*made);
}

class Conversation {
 public:
  Conversation(ApplicationDetector& detector, IpShape shape)
      : detector_(detector), shape_(shape), flow_(detector.take(shape.protocol)) {}
  Conversation(const Conversation&) = delete;
  Conversation& operator=(const Conversation&) = delete;
  ~Conversation() { detector_.give_back(flow_); }

  Detection says(Bytes payload, bool responder = false) {
    IpShape shape = shape_;
    if (responder) std::swap(shape.source_port, shape.destination_port);
    shape.sequence = 1 + bytes_[responder ? 1 : 0];
    bytes_[responder ? 1 : 0] += static_cast<std::uint32_t>(payload.size());
    const Octets packet = testing::ip_packet(shape, payload);
    return detector_.look(flow_, {.ip = packet,
                                  .transport = testing::transport_of(shape),
                                  .tick_ms = 5000,
                                  .from_responder = responder});
  }
  Detection answers(Bytes payload) { return says(payload, true); }
  Detection ends() { return detector_.give_up(flow_); }

 private:
  ApplicationDetector& detector_;
  IpShape shape_;
  ApplicationDetector::Number flow_;
  std::uint32_t bytes_[2] = {1000, 5000};
};

IpShape tcp_to(std::uint16_t port, std::uint8_t version = 4) {
  return {.version = version, .destination_port = port};
}
IpShape udp_to(std::uint16_t port, std::uint8_t version = 4) {
  return {.version = version, .protocol = 17, .destination_port = port};
}

class ApplicationDetectorTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { shared_ = detector_of({.flows = 16, .memory_bytes = 1 << 20}); }
  static void TearDownTestSuite() { shared_.reset(); }

  static inline std::unique_ptr<ApplicationDetector> shared_;
  ApplicationDetector* detector_ = shared_.get();
};

TEST_F(ApplicationDetectorTest, NamesTlsAndTheServiceByItsName) {
  for (const std::uint8_t version : {std::uint8_t{4}, std::uint8_t{6}}) {
    Conversation session(*detector_, tcp_to(8443, version));
    const Detection found = session.says(testing::client_hello_record("www.YouTube.com"));
    EXPECT_EQ(found.state, State::kKnown);
    EXPECT_TRUE(found.final);
    EXPECT_EQ(application_text(found.found), "tls/youtube");
    EXPECT_EQ(found.host, "www.youtube.com");
  }
}

TEST_F(ApplicationDetectorTest, NamesTlsOfNobodyWellKnown) {
  Conversation session(*detector_, tcp_to(443));
  const Detection found = session.says(testing::client_hello_record("intranet.example"));
  EXPECT_EQ(application_text(found.found), "tls");
  EXPECT_EQ(found.host, "intranet.example");
}

TEST_F(ApplicationDetectorTest, PutsAHelloTogether) {
  Conversation session(*detector_, tcp_to(443));
  const Octets hello = testing::client_hello_record("www.youtube.com", 1800);
  static_cast<void>(session.says(Bytes(hello).first(1000)));
  const Detection found = session.says(Bytes(hello).subspan(1000));
  EXPECT_EQ(application_text(found.found), "tls/youtube");
  EXPECT_EQ(found.host, "www.youtube.com");
}

TEST_F(ApplicationDetectorTest, NamesSsh) {
  Conversation session(*detector_, tcp_to(2222));
  static_cast<void>(session.says(octets("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")));
  const Detection found = session.answers(octets("SSH-2.0-OpenSSH_8.4p1 Debian-5\r\n"));
  EXPECT_EQ(found.state, State::kKnown);
  EXPECT_EQ(application_text(found.found), "ssh");
}

TEST_F(ApplicationDetectorTest, NamesHttpAndItsHost) {
  Conversation session(*detector_, tcp_to(8080));
  const Detection found =
      session.says(octets("GET /a?b=c HTTP/1.1\r\nHost: www.example.org\r\nUser-Agent: curl/7.88.1\r\n\r\n"));
  EXPECT_EQ(found.state, State::kKnown);
  EXPECT_EQ(application_text(found.found), "http");
  EXPECT_EQ(found.host, "www.example.org");
}

TEST_F(ApplicationDetectorTest, NamesDns) {
  for (const std::uint8_t version : {std::uint8_t{4}, std::uint8_t{6}}) {
    Conversation session(*detector_, udp_to(53, version));
    const Detection found = session.says(testing::dns_query("host.example.org"));
    EXPECT_EQ(found.state, State::kKnown);
    EXPECT_EQ(application_text(found.found), "dns");
    EXPECT_EQ(found.host, "host.example.org");
  }
}

TEST_F(ApplicationDetectorTest, NamesBittorrent) {
  Conversation session(*detector_, tcp_to(51413));
  const Detection found = session.says(testing::bittorrent_handshake());
  EXPECT_EQ(found.state, State::kKnown);
  EXPECT_EQ(application_text(found.found), "bittorrent");
}

TEST_F(ApplicationDetectorTest, NamesQuicByWhatItsFirstPacketHides) {
  Conversation session(*detector_, udp_to(443));
  const Detection found = session.says(testing::quic_initial("www.youtube.com"));
  EXPECT_EQ(found.state, State::kKnown);
  EXPECT_EQ(application_text(found.found), "quic/youtube");
  EXPECT_EQ(found.host, "www.youtube.com");
}

TEST_F(ApplicationDetectorTest, SeesThroughOptions) {
  IpShape shape = tcp_to(8443, 6);
  shape.option_bytes = 24;
  Conversation session(*detector_, shape);
  EXPECT_EQ(application_text(session.says(testing::client_hello_record("www.youtube.com")).found),
            "tls/youtube");
}

TEST_F(ApplicationDetectorTest, GuessesByPortWhenNothingIsSaid) {
  const auto given_up = detector_->counts().given_up.read();
  Conversation session(*detector_, tcp_to(22));
  Detection found;
  std::mt19937 random(1);
  for (int i = 0; i < 40 && !found.final; ++i) {
    Octets noise(200);
    for (auto& byte : noise) byte = static_cast<std::uint8_t>(random());
    found = session.says(noise, i % 2 == 1);
  }
  EXPECT_EQ(found.state, State::kGivenUp);
  EXPECT_TRUE(found.final);
  EXPECT_EQ(application_text(found.found), "ssh");
  EXPECT_EQ(detector_->counts().given_up.read(), given_up + 1);
}

TEST_F(ApplicationDetectorTest, GivesUpWhenAskedTo) {
  Conversation session(*detector_, tcp_to(40001));
  EXPECT_EQ(session.says(octets("x")).state, State::kLooking);
  const Detection found = session.ends();
  EXPECT_EQ(found.state, State::kGivenUp);
  EXPECT_EQ(application_text(found.found), "unknown");
  EXPECT_EQ(session.says(testing::client_hello_record("a.example")).state, State::kGivenUp);
}

TEST_F(ApplicationDetectorTest, HasSoManyFlows) {
  std::vector<ApplicationDetector::Number> flows;
  for (;;) {
    const auto flow = detector_->take(6);
    if (flow == ApplicationDetector::kNone) break;
    flows.push_back(flow);
  }
  EXPECT_EQ(flows.size(), 16U);
  EXPECT_EQ(detector_->taken(), 16U);
  detector_->give_back(flows.back());
  EXPECT_EQ(detector_->take(17), flows.back());
  for (const auto flow : flows) detector_->give_back(flow);
  EXPECT_EQ(detector_->taken(), 0U);
}

TEST_F(ApplicationDetectorTest, ANumberUsedAgainHasForgotten) {
  { Conversation(*detector_, tcp_to(443)).says(testing::client_hello_record("www.youtube.com")); }
  Conversation session(*detector_, tcp_to(443));
  const Detection found = session.says({});
  EXPECT_EQ(found.state, State::kLooking);
  EXPECT_EQ(found.host, "");
}

// What a session is does not hang on what others said to or from the same ports.
TEST_F(ApplicationDetectorTest, SessionsKnowNothingOfEachOther) {
  { Conversation(*detector_, tcp_to(443)).says(testing::bittorrent_handshake()); }
  Conversation other(*detector_, tcp_to(443));
  EXPECT_EQ(application_text(other.says(testing::client_hello_record("www.youtube.com")).found),
            "tls/youtube");
  Conversation silent(*detector_, tcp_to(443));
  static_cast<void>(silent.says(octets("x")));
  EXPECT_EQ(silent.ends().state, State::kGivenUp);
}

// Each of these flows keeps the beginning of a hello that never ends.
TEST(ApplicationDetectorMemory, FlowsWithoutMemoryAreGivenUpAndCounted) {
  const auto detector = detector_of({.flows = 300, .memory_bytes = 256 << 10});
  const Octets hello = testing::client_hello_record("www.youtube.com", 16000);
  std::vector<std::unique_ptr<Conversation>> sessions;
  for (int i = 0; i < 300; ++i) {
    sessions.push_back(std::make_unique<Conversation>(*detector, tcp_to(443)));
    for (std::size_t at = 0; at < 12000; at += 1200)
      static_cast<void>(sessions.back()->says(Bytes(hello).subspan(at, 1200)));
  }
  EXPECT_GT(detector->counts().without_memory.read(), 200U);
  sessions.clear();
  Conversation session(*detector, tcp_to(443));
  EXPECT_EQ(application_text(session.says(testing::client_hello_record("www.youtube.com")).found),
            "tls/youtube");
}

// A TLS record so long that nDPI puts together more than there may be.
TEST(ApplicationDetectorMemory, AFlowHasALimit) {
  const auto detector = detector_of({.flows = 4, .memory_bytes = 4 << 20});
  Conversation session(*detector, tcp_to(443));
  Octets record = testing::client_hello_record("www.youtube.com");
  record[3] = 0xf0;
  record.resize(4000);
  Detection found = session.says(record);
  for (int i = 0; i < 14 && !found.final; ++i) found = session.says(Octets(4000));
  EXPECT_TRUE(found.final);
  EXPECT_EQ(detector->counts().without_memory.read(), 1U);
}

// Neither nDPI nor libgcrypt goes on as if it had got what it did not get.
TEST(ApplicationDetectorMemory, LittleMemoryIsSurvived) {
  for (const std::uint32_t bytes :
       {0U, 128U, 384U, 896U, 1920U, 2560U, 4096U, 5120U, 7168U, 8192U, 9216U, 16384U}) {
    const auto detector = detector_of({.flows = 4, .memory_bytes = 1 << 20, .flow_bytes = bytes});
    Detection tls;
    {
      Conversation session(*detector, tcp_to(443));
      const Octets hello = testing::client_hello_record("www.youtube.com", 3000);
      static_cast<void>(session.says(Bytes(hello).first(1400)));
      tls = session.says(Bytes(hello).subspan(1400));
    }
    Conversation http(*detector, tcp_to(80));
    static_cast<void>(
        http.says(octets("POST /a?b=%3Cscript%3E HTTP/1.1\r\nHost: 192.0.2.1\r\nContent-Type: text/plain\r\n"
                         "User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64)\r\n"
                         "X-Forwarded-For: 192.0.2.7\r\n\r\n")));
    Conversation ssh(*detector, tcp_to(22));
    static_cast<void>(ssh.says(octets("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")));
    Conversation quic(*detector, udp_to(443));
    const Detection found = quic.says(testing::quic_initial("www.youtube.com"));
    if (bytes == 16384) {
      EXPECT_EQ(application_text(tls.found), "tls/youtube");
      EXPECT_EQ(application_text(found.found), "quic/youtube");
    }
    EXPECT_EQ(detector->counts().stray_pointers.read(), 0U);
  }
}

TEST(ApplicationDetectorMemory, LimitsMustMakeSense) {
  EXPECT_FALSE(ApplicationDetector::make({.flows = 0}));
  EXPECT_FALSE(ApplicationDetector::make({.memory_bytes = 1000}));
  EXPECT_FALSE(ApplicationDetector::make({.flow_bytes = 65537}));
  EXPECT_FALSE(ApplicationDetector::make({.most_packets = 0}));
  EXPECT_FALSE(ApplicationDetector::make({.most_packets = 33}));
}

TEST(ApplicationDetectorThreads, EachHasItsOwn) {
  std::vector<std::unique_ptr<ApplicationDetector>> detectors;
  for (int i = 0; i < 2; ++i) detectors.push_back(detector_of({.flows = 4, .memory_bytes = 1 << 20}));
  std::atomic<int> found = 0;
  std::vector<std::thread> threads;
  for (const auto& detector : detectors) {
    threads.emplace_back([&found, &detector] {
      const Octets hello = testing::client_hello_record("www.youtube.com");
      const Octets initial = testing::quic_initial("www.youtube.com");
      for (int i = 0; i < 50; ++i) {
        Conversation tls(*detector, tcp_to(443));
        Conversation quic(*detector, udp_to(443));
        found += tls.says(hello).found.service == quic.says(initial).found.service ? 1 : 0;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(found, 100);
}

}  // namespace
}  // namespace millrace::dpi
