// SPDX-License-Identifier: BSD-3-Clause
// The numbers of overlays in captures that nobody here made, read here and by tshark. Skipped without the
// captures or without tshark.
#include "common/net/overlay_header.h"

#include <filesystem>
#include <map>
#include <sstream>

#include <gtest/gtest.h>

#include "tests/support/corpus.h"
#include "tests/support/pcap_reader.h"
#include "tests/support/subprocess.h"

namespace millrace::net {
namespace {

struct Capture {
  const char* file;
  OverlayType type;
  std::uint16_t udp_port;  // 0: GRE
  const char* field;       // tshark's
};

void PrintTo(const Capture& capture, std::ostream* out) { *out << capture.file; }

using Numbers = std::map<unsigned, std::uint32_t>;  // by the packet's place, from 1

// Of whole datagrams; of those that are cut off tshark reads what is there.
Numbers ours(const Capture& capture, const std::filesystem::path& file) {
  Numbers found;
  unsigned place = 0;
  const auto packets = testing::read_capture(file);
  for (const auto& packet : *packets) {
    ++place;
    Headers headers;
    if (packet.link_type != testing::link_type::kEthernet ||
        parse_frame(packet.bytes, packet.bytes.size(), headers, {.check_ipv4_checksum = false}) !=
            ParseError::kNone)
      continue;
    const bool meant = capture.udp_port == 0 ? headers.protocol == protocol::kGre
                                             : headers.protocol == protocol::kUdp &&
                                                   headers.destination_port == be16(capture.udp_port);
    OverlayHeader header;
    if (meant && read_overlay(capture.type, packet.bytes, headers, header) != OverlayError::kBad)
      found[place] = header.id;
  }
  return found;
}

Numbers tsharks(const Capture& capture, const std::filesystem::path& file) {
  std::string filter = capture.field;
  if (capture.udp_port != 0) filter += " && udp.dstport == " + std::to_string(capture.udp_port);
  std::vector<std::string> command = {"tshark", "-n",           "-r",           file.string(), "-T",
                                      "fields", "-e",           "frame.number", "-e",          capture.field,
                                      "-E",     "occurrence=f", "-Y",           capture.field};
  if (capture.udp_port == 8472) command.insert(command.end(), {"-d", "udp.port==8472,vxlan"});
  Numbers found;
  std::istringstream lines(test::run_program(command).out);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    unsigned place = 0;
    std::string number;
    words >> place >> number;
    found[place] = static_cast<std::uint32_t>(std::stoul(number, nullptr, 0));
  }
  return found;
}

class OverlayCaptures : public ::testing::TestWithParam<Capture> {};

TEST_P(OverlayCaptures, HaveTheNumbersThatTsharkReads) {
  const auto file = testing::corpus_folder() / "captures" / GetParam().file;
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "no captures in " << testing::corpus_folder();
  if (test::run_program({"tshark", "--version"}).status != 0) GTEST_SKIP() << "tshark is not installed";
  const Numbers read = ours(GetParam(), file);
  EXPECT_FALSE(read.empty());
  EXPECT_EQ(read, tsharks(GetParam(), file));
}

constexpr Capture kCaptures[] = {
    {"tcpdump/vxlan.pcap", OverlayType::kVxlan, 4789, "vxlan.vni"},
    {"tcpdump/vxlan_port_8472.pcap", OverlayType::kVxlan, 8472, "vxlan.vni"},
    {"tcpdump/gso-ipv4-vxlan-ipv6.pcap", OverlayType::kVxlan, 4789, "vxlan.vni"},
    {"tcpdump/gso-ipv6-vxlan-ipv4.pcap", OverlayType::kVxlan, 4789, "vxlan.vni"},
    {"pcapplusplus/Vxlan1.pcap", OverlayType::kVxlan, 4789, "vxlan.vni"},
    {"tcpdump/nsh-over-vxlan-gpe.pcap", OverlayType::kVxlanGpe, 4790, "vxlan.vni"},
    {"tcpdump/geneve.pcap", OverlayType::kGeneve, 6081, "geneve.vni"},
    {"tcpdump/geneve-gcp.pcap", OverlayType::kGeneve, 6081, "geneve.vni"},
    {"tcpdump/gso-ipv6-geneve-ipv6.pcap", OverlayType::kGeneve, 6081, "geneve.vni"},
    {"tcpdump/various_gre.pcap", OverlayType::kGre, 0, "gre.key"},
};

INSTANTIATE_TEST_SUITE_P(Files, OverlayCaptures, ::testing::ValuesIn(kCaptures));

}  // namespace
}  // namespace millrace::net
