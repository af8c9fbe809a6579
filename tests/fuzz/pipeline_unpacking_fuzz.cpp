// SPDX-License-Identifier: BSD-3-Clause
// The firewall on two workers where packets come inside others, from bytes: see pipeline_play.h. Bit 0 of the
// settings: as a service function (service_packets.h), in place of overlays (overlay_bed.h).
#include "common/net/overlay_header.h"
#include "common/net/service_header.h"
#include "tests/fuzz/pipeline_play.h"
#include "tests/packet/overlay/overlay_bed.h"
#include "tests/packet/service/service_packets.h"

namespace millrace::fuzz {
namespace {

// As far as headers lie in headers: what is inside is a frame again.
bool is_frame(std::span<const std::uint8_t> frame) {
  if (frame.size() < sizeof(net::EthernetHeader)) return false;
  const be16 type = reinterpret_cast<const net::EthernetHeader*>(frame.data())->type;
  const bool nsh = type == be16(net::ether_type::kNsh);
  if (!nsh && type != be16(net::ether_type::kMpls)) {
    net::Headers headers;
    return net::parse_frame(frame, frame.size(), headers, {}) == net::ParseError::kNone;
  }
  const auto behind = frame.subspan(sizeof(net::EthernetHeader));
  net::ServiceHeader header;
  const auto error =
      net::read_service(nsh ? net::ServiceType::kNsh : net::ServiceType::kMpls, behind, header);
  // The last index, or label, is used up when the packet has been given back.
  if (error == net::ServiceError::kIndexEnded) return true;
  if (error != net::ServiceError::kNone) return false;
  const auto inside = behind.subspan(header.length);
  net::Headers headers;
  if (header.payload == net::ServicePayload::kEthernet)
    return net::parse_frame(inside, inside.size(), headers, {}) == net::ParseError::kNone;
  headers.family = header.payload == net::ServicePayload::kIpv4 ? 4 : 6;
  return net::parse_ip(inside, inside.size(), headers, {}) == net::ParseError::kNone;
}

PipelineExtras extras() {
  PipelineExtras made;
  made.networks = {testing::overlay_network(true), testing::service_network(true)};
  made.is_frame = is_frame;
  return made;
}

// Each kind of header right at the front, whatever a frame would be.
void read_headers(Bytes bytes) {
  net::Headers outer;
  outer.end_offset = static_cast<std::uint16_t>(std::min<std::size_t>(bytes.size(), 0xffff));
  for (const auto type : {net::OverlayType::kVxlan, net::OverlayType::kVxlanGpe, net::OverlayType::kGeneve,
                          net::OverlayType::kGre}) {
    net::OverlayHeader found;
    if (net::read_overlay(type, bytes, outer, found) == net::OverlayError::kNone)
      require(found.payload_offset <= bytes.size(), "a header ends where bytes are");
  }
  for (const auto type : {net::ServiceType::kNsh, net::ServiceType::kMpls}) {
    net::ServiceHeader found;
    if (net::read_service(type, bytes, found) == net::ServiceError::kNone)
      require(found.length <= bytes.size(), "a header ends where bytes are");
  }
}

}  // namespace
}  // namespace millrace::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace millrace;
  static fuzz::PipelinePlay firewall(2, fuzz::extras());
  fuzz::read_headers({data, size});
  firewall.play(data, size);
  return 0;
}
