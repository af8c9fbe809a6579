// SPDX-License-Identifier: BSD-3-Clause
// Sessions that were recorded, by captures whose names say what is in them.
#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "common/acceleration/dpi/application_detector.h"
#include "common/net/parse.h"
#include "tests/support/corpus.h"
#include "tests/support/pcap_reader.h"

namespace millrace::dpi {
namespace {

namespace fs = std::filesystem;

fs::path captures() { return testing::corpus_folder() / "captures"; }

// What stands before the IP header, when it is not that of Ethernet.
std::optional<std::size_t> other_link_bytes(std::uint32_t type) {
  constexpr std::uint32_t kBsdLoopback = 0;
  if (type == kBsdLoopback) return 4;
  for (const auto raw :
       {testing::link_type::kRaw, testing::link_type::kRawBsd, testing::link_type::kRawOpenBsd})
    if (type == raw) return 0;
  return std::nullopt;
}

std::vector<std::uint8_t> as_ethernet(const testing::CapturedPacket& packet) {
  if (packet.link_type == testing::link_type::kEthernet) return packet.bytes;
  const auto skipped = other_link_bytes(packet.link_type);
  if (!skipped || packet.bytes.size() <= *skipped) return {};
  const bool is_ipv6 = packet.bytes[*skipped] >> 4U == 6;
  std::vector<std::uint8_t> frame(12);
  frame.push_back(is_ipv6 ? 0x86 : 0x08);
  frame.push_back(is_ipv6 ? 0xdd : 0x00);
  frame.insert(frame.end(), packet.bytes.begin() + static_cast<std::ptrdiff_t>(*skipped), packet.bytes.end());
  return frame;
}

// Sessions by their protocol, addresses and ports; who speaks first is the initiator.
class Recording {
 public:
  explicit Recording(ApplicationDetector& detector) : detector_(detector) {}
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;
  ~Recording() {
    for (const auto& [key, session] : sessions_) detector_.give_back(session.flow);
  }

  void play(const testing::CapturedPacket& packet) {
    const std::vector<std::uint8_t> bytes = as_ethernet(packet);
    net::Headers headers;
    const Bytes frame(bytes);
    if (net::parse_frame(frame, frame.size(), headers, {.check_ipv4_checksum = false, .truncated = true}) !=
            net::ParseError::kNone ||
        headers.is_fragment || (!headers.is_ipv4() && !headers.is_ipv6())) {
      return;
    }
    const std::size_t address_bytes = headers.is_ipv4() ? 4 : 16;
    const Bytes addresses =
        frame.subspan(headers.l3_offset + (headers.is_ipv4() ? 12U : 8U), 2 * address_bytes);
    End from{std::string(addresses.begin(), addresses.begin() + static_cast<std::ptrdiff_t>(address_bytes)),
             headers.source_port.host()};
    End to{std::string(addresses.begin() + static_cast<std::ptrdiff_t>(address_bytes), addresses.end()),
           headers.destination_port.host()};
    const Key key{headers.protocol, std::min(from, to), std::max(from, to)};
    auto found = sessions_.find(key);
    if (found == sessions_.end()) {
      const auto flow = detector_.take(headers.protocol);
      if (flow == ApplicationDetector::kNone) return;
      found = sessions_.emplace(key, Session{flow, from}).first;
    }
    const std::size_t end = std::min<std::size_t>(headers.end_offset, frame.size());
    if (headers.l4_offset > end) return;
    static_cast<void>(
        detector_.look(found->second.flow, {.ip = frame.subspan(headers.l3_offset, end - headers.l3_offset),
                                            .transport = std::size_t{headers.l4_offset} - headers.l3_offset,
                                            .tick_ms = ++tick_ms_,
                                            .from_responder = from != found->second.initiator}));
  }

  [[nodiscard]] std::vector<Detection> found() const {
    std::vector<Detection> all;
    for (const auto& [key, session] : sessions_) all.push_back(detector_.give_up(session.flow));
    return all;
  }

 private:
  using End = std::pair<std::string, std::uint16_t>;
  using Key = std::tuple<std::uint8_t, End, End>;
  struct Session {
    ApplicationDetector::Number flow;
    End initiator;
  };

  ApplicationDetector& detector_;
  std::map<Key, Session> sessions_;
  std::uint64_t tick_ms_ = 0;
};

struct Row {
  const char* file;
  const char* application;
  bool by_port = false;  // nDPI has only the port to go by, in what was recorded
};
void PrintTo(const Row& row, std::ostream* out) { *out << row.file; }

constexpr Row kTable[] = {
    {"pcapplusplus/4KHttpRequests.pcap", "http"},
    {"pcapplusplus/BgpPackets.pcap", "bgp"},
    {"pcapplusplus/DNS_NXDomain.pcap", "dns"},
    {"pcapplusplus/Dhcp1.pcap", "dhcp"},
    {"pcapplusplus/Dhcp2.pcap", "dhcp"},
    {"pcapplusplus/Dns4.pcap", "dns"},
    {"pcapplusplus/DnsPackets.pcap", "dns"},
    {"pcapplusplus/Ftp.pcap", "ftp", true},
    {"pcapplusplus/GrePackets.pcap", "gre"},
    {"pcapplusplus/IcmpPackets.pcap", "icmp"},
    {"pcapplusplus/Ntp.pcap", "ntp"},
    {"pcapplusplus/SSL-ClientHello1.pcap", "tls"},
    {"pcapplusplus/SSL-PartialCertificate1.pcap", "tls"},
    {"pcapplusplus/Smtp.pcap", "smtp"},
    {"pcapplusplus/SomeIpSd.pcapng", "someip"},
    {"pcapplusplus/VRRP-V2.pcap", "vrrp"},
    {"pcapplusplus/VRRP-V3-IPv6.pcap", "vrrp"},
    {"pcapplusplus/WireGuard.pcap", "wireguard"},
    {"pcapplusplus/dhcpv6.pcap", "dhcpv6"},
    {"pcapplusplus/dns_over_tcp.pcapng", "dns"},
    {"pcapplusplus/four_ipv6_http_streams.pcap", "http"},
    {"pcapplusplus/gtp.pcap", "gtp"},
    {"pcapplusplus/http-packets.pcap", "http"},
    {"pcapplusplus/ldap.pcapng", "ldap"},
    {"pcapplusplus/modbusFrames.pcap", "modbus"},
    {"pcapplusplus/postgres.pcapng", "postgresql", true},
    {"pcapplusplus/radius_1_2_11.pcap", "radius"},
    {"pcapplusplus/s7comm.pcap", "s7comm"},
    {"pcapplusplus/sip_non_default_port.pcap", "sip"},
    {"pcapplusplus/sip_reqs.pcap", "sip"},
    {"pcapplusplus/ssh_packets.pcap", "ssh"},
    {"pcapplusplus/telnet.pcap", "telnet", true},
    {"pcapplusplus/three_http_streams.pcap", "http"},
    {"pcapplusplus/tls.pcap", "tls"},
    {"pcapplusplus/tls1_3.pcap", "tls"},
    {"pcapplusplus/tls2.pcap", "tls"},
    {"pcapplusplus/tls_grease.pcap", "tls"},
    {"tcpdump/08-sunrise-sunset-esp2.pcap", "ipsec"},
    {"tcpdump/IGMP_V2.pcap", "igmp"},
    {"tcpdump/OSPFv3_broadcast_adjacency.pcap", "ospf"},
    {"tcpdump/RADIUS.pcap", "radius"},
    {"tcpdump/afs.pcap", "rx"},
    {"tcpdump/dns_tcp.pcap", "dns"},
    {"tcpdump/dns_udp.pcap", "dns"},
    {"tcpdump/gquic.pcap", "quic"},
    {"tcpdump/ikev2four.pcap", "ipsec", true},
    {"tcpdump/lisp_ipv6.pcap", "lisp"},
    {"tcpdump/nfs-write-verf-cookie.pcapng", "nfs"},
    {"tcpdump/ntp.pcap", "ntp"},
    {"tcpdump/pptp.pcap", "pptp"},
    {"tcpdump/quic_handshake.pcap", "quic"},
    {"tcpdump/sflow_expanded.pcap", "sflow"},
    {"tcpdump/ssh.pcap", "ssh"},
    {"tcpdump/syslog_udp.pcap", "syslog"},
    {"tcpdump/tftp.pcap", "tftp"},
    {"tcpdump/vrrp.pcap", "vrrp"},
    {"tcpdump/whois.pcap", "whois_das"},
};

ApplicationDetector& shared_detector() {
  static const std::unique_ptr<ApplicationDetector> made = std::move(*ApplicationDetector::make({}));
  return *made;
}

class ApplicationCaptures : public ::testing::TestWithParam<Row> {};
INSTANTIATE_TEST_SUITE_P(Each, ApplicationCaptures, ::testing::ValuesIn(kTable));

TEST_P(ApplicationCaptures, AreOfWhatTheirNamesSay) {
  const fs::path file = captures() / GetParam().file;
  if (!fs::exists(file)) GTEST_SKIP() << file << " is not there";
  const auto packets = testing::read_capture(file);
  ASSERT_TRUE(packets);
  const auto wanted = application_named(GetParam().application);
  ASSERT_TRUE(wanted);
  Recording recording(shared_detector());
  for (const auto& packet : *packets) recording.play(packet);
  const auto wanted_state = GetParam().by_port ? Detection::State::kGivenUp : Detection::State::kKnown;
  std::string all;
  bool is_there = false;
  for (const Detection& found : recording.found()) {
    is_there = is_there || (matches(found.found, *wanted) && found.state == wanted_state);
    all += application_text(found.found) + (found.state == Detection::State::kKnown ? " " : "? ");
  }
  EXPECT_TRUE(is_there) << all;
}

// Broken ones too, with less memory than nDPI would like to have.
TEST(ApplicationCapturesMemory, EveryCaptureIsSurvived) {
  if (!fs::exists(captures())) GTEST_SKIP() << captures() << " is not there";
  const auto detector = std::move(*ApplicationDetector::make({.memory_bytes = 1 << 20, .flow_bytes = 2048}));
  constexpr std::uintmax_t kMostBytes = 100 << 10;
  for (const auto& file : fs::recursive_directory_iterator(captures())) {
    if (!file.is_regular_file() || file.file_size() > kMostBytes) continue;
    const auto packets = testing::read_capture(file.path());
    if (!packets) continue;
    Recording recording(*detector);
    for (const auto& packet : *packets) recording.play(packet);
  }
  EXPECT_GT(detector->counts().known.read(), 500U);
  EXPECT_EQ(detector->counts().stray_pointers.read(), 0U);
  EXPECT_EQ(detector->held_bytes(), 0U);
  EXPECT_EQ(detector->taken(), 0U);
}

}  // namespace
}  // namespace millrace::dpi
