// SPDX-License-Identifier: BSD-3-Clause
// Packets inside packets, as pipeline_unpacking_fuzz.cpp reads them.
#include "tests/fuzz/corpus_writer.h"
#include "tests/fuzz/pipeline_seed.h"
#include "tests/packet/overlay/overlay_bed.h"
#include "tests/packet/service/service_packets.h"

namespace millrace::fuzz {
namespace {

using testing::Frame;
using testing::kInside;
using testing::kOutside;
using testing::packet;
using testing::PacketBuilder;

PacketBuilder between(std::uint16_t interface, const std::string& from, const std::string& to) {
  PacketBuilder made =
      from.find(':') == std::string::npos ? packet().ipv4(from, to) : packet().ipv6(from, to);
  return testing::from_station(made, interface);
}

void write_overlays(Corpus& corpus) {
  const auto write = [&](const std::string& name, unsigned port, const PacketBuilder& one,
                         const PacketBuilder& other) {
    PipelineSeed seed(0);
    seed.add(port, one, 0).add(port, other, PipelineSeed::kOtherWorker | PipelineSeed::kRunFirst);
    corpus.write("pipeline_unpacking", name, seed.bytes());
  };
  const PacketBuilder udp = between(testing::kVxlan, "10.20.0.10", "10.22.0.10").udp(1024, 5000).payload(30);
  const PacketBuilder tcp6 = between(testing::kVxlan, "2001:db8:20::10", "2001:db8:23::10")
                                 .tcp(1024, 80)
                                 .flags("S")
                                 .option_mss(1400);
  write("vxlan", kInside, testing::in_vxlan(testing::outer_in(testing::kFarEnd), 7001, udp).no_udp_checksum(),
        testing::in_vxlan(testing::outer_in(testing::kFarEnd), 7001, tcp6));
  const PacketBuilder inner6 = between(testing::kVxlan6, "10.21.0.10", "10.23.0.10").udp(1, 5000).payload(9);
  write("vxlan_over_ipv6", kInside, testing::in_vxlan(testing::outer_in(testing::kFarEnd6), 7002, inner6),
        testing::in_vxlan(testing::outer_in(testing::kFarEnd6), 7002, PacketBuilder(inner6).traffic_class(2))
            .traffic_class(3));
  const PacketBuilder back =
      between(testing::kGeneve, "10.22.0.10", "10.21.0.10").udp(5000, 1024).payload(40);
  write("geneve", kOutside, testing::in_geneve(testing::outer_in(testing::kFirst), back),
        testing::outer_in(testing::kSecond)
            .udp(50000, 6081)
            .payload(testing::geneve(7003, 0x6558, back.bytes(), {1, 2, 3, 1, 9, 9, 9, 9, 1, 2, 0x83, 0})));
  write("gre", kOutside,
        testing::in_gre(testing::outer_in(testing::kFarGre),
                        packet().ipv4("10.23.0.10", "10.21.0.10").udp(1, 2)),
        testing::in_gre(testing::outer_in(testing::kFarGre),
                        packet().ipv6("2001:db8:23::10", "2001:db8:21::10").echo_request(1, 1)));
  const PacketBuilder whole = between(testing::kVxlan, "10.20.0.10", "10.22.1.10").udp(1, 2).payload(200);
  write("fragments_inside", kInside,
        testing::in_vxlan(testing::outer_in(testing::kFarEnd), 7001, whole.piece(104, 104, 7)),
        testing::in_vxlan(testing::outer_in(testing::kFarEnd), 7001, whole.piece(0, 104, 7)));
}

void write_services(Corpus& corpus) {
  const auto write = [&](const std::string& name, const std::vector<Frame>& frames) {
    Frame bytes = {1};
    for (const Frame& frame : frames) {
      bytes.push_back(PipelineSeed::kRunFirst | (bytes.size() % 2 == 0 ? PipelineSeed::kOtherWorker : 0));
      bytes.push_back(0);
      put16(bytes, static_cast<unsigned>(frame.size()));
      bytes.insert(bytes.end(), frame.begin(), frame.end());
    }
    corpus.write("pipeline_unpacking", name, bytes);
  };
  const Frame there = testing::user().udp(1024, 5000).payload(30).bytes();
  const Frame again = testing::net().udp(5000, 1024).payload(30).bytes();
  const Frame datagram = testing::user6().tcp(1024, 23).flags("S").datagram();
  write("nsh", {testing::nsh_in({}, there), testing::nsh_in({.path = 43}, again)});
  write("nsh_datagram",
        {testing::nsh_in({.next_protocol = 2}, datagram), testing::nsh_in({.next_protocol = 2}, datagram)});
  write("nsh_variable", {testing::nsh_in({.md_type = 2, .metadata = {1, 2, 3, 4, 5, 6, 7, 8}}, there)});
  Frame nested = testing::Nsh{.next_protocol = 4, .md_type = 2, .metadata = {}}.header();
  nested.insert(nested.end(), nested.begin(), nested.begin() + 8);
  nested[11] = 3;
  nested.insert(nested.end(), there.begin(), there.end());
  write("nsh_nested", {testing::nsh_in({.next_protocol = 4}, nested)});
  write("label", {testing::from_forwarder(0x8847, testing::label(511), datagram),
                  testing::from_forwarder(0x8847, testing::label(1023), datagram)});
}

}  // namespace

void write_pipeline_unpacking(Corpus& corpus) {
  write_overlays(corpus);
  write_services(corpus);
}

}  // namespace millrace::fuzz
