// SPDX-License-Identifier: BSD-3-Clause
#include "common/net/overlay_header.h"

namespace millrace::net {
namespace {

OverlayPayload payload_of(be16 type) noexcept {
  switch (type.host()) {
    case ether_type::kBridged:
      return OverlayPayload::kEthernet;
    case ether_type::kIpv4:
      return OverlayPayload::kIpv4;
    case ether_type::kIpv6:
      return OverlayPayload::kIpv6;
    default:
      return OverlayPayload::kOther;
  }
}

// draft-ietf-nvo3-vxlan-gpe-13 section 3.2.
OverlayPayload payload_of(std::uint8_t next_protocol) noexcept {
  switch (next_protocol) {
    case 1:
      return OverlayPayload::kIpv4;
    case 2:
      return OverlayPayload::kIpv6;
    case 3:
      return OverlayPayload::kEthernet;
    default:
      return OverlayPayload::kOther;
  }
}

OverlayError read_vxlan(OverlayType type, Reader& reader, OverlayHeader& found) noexcept {
  const auto* vxlan = reader.read<VxlanHeader>();
  // RFC 7348 section 5: without the flag there is no valid VNI; what is reserved is ignored.
  if (vxlan == nullptr || (vxlan->flags & VxlanHeader::kVni) == 0) return OverlayError::kBad;
  found.id = vxlan->vni_reserved.host() >> 8;
  found.payload = OverlayPayload::kEthernet;
  if (type == OverlayType::kVxlan) return OverlayError::kNone;
  if ((vxlan->flags & VxlanHeader::kVersion) != 0) return OverlayError::kBad;
  if ((vxlan->flags & VxlanHeader::kNextProtocol) != 0) found.payload = payload_of(vxlan->next_protocol);
  return (vxlan->flags & VxlanHeader::kOam) != 0 ? OverlayError::kControl : OverlayError::kNone;
}

// RFC 8926 section 3.5: the options fill their length exactly; one that is critical and unknown ends the
// packet (section 3.5.1). None is known here.
OverlayError read_options(Bytes options) noexcept {
  Reader reader(options);
  while (reader.left() != 0) {
    const auto* option = reader.read<GeneveOption>();
    if (option == nullptr || !reader.skip(option->data_length())) return OverlayError::kBad;
    if ((option->type & GeneveOption::kCritical) != 0) return OverlayError::kCritical;
  }
  return OverlayError::kNone;
}

OverlayError read_geneve(Reader& reader, OverlayHeader& found) noexcept {
  const auto* geneve = reader.read<GeneveHeader>();
  if (geneve == nullptr || geneve->version() != 0) return OverlayError::kBad;
  found.id = geneve->vni_reserved.host() >> 8;
  found.payload = payload_of(geneve->protocol);
  const unsigned length = geneve->options_length();
  if (length != 0) {
    const Bytes options = reader.take(length);
    if (options.empty()) return OverlayError::kBad;
    if (const auto error = read_options(options); error != OverlayError::kNone) return error;
  }
  return (geneve->flags & GeneveHeader::kControl) != 0 ? OverlayError::kControl : OverlayError::kNone;
}

OverlayError read_gre(Reader& reader, OverlayHeader& found) noexcept {
  const auto* gre = reader.read<GreHeader>();
  if (gre == nullptr) return OverlayError::kBad;
  const std::uint16_t flags = gre->flags_version.host();
  // RFC 2784 section 2.3: routing, strict source route and recursion control are not for us, nor is
  // another version. The lower bits before the version are ignored.
  constexpr std::uint16_t kRefused = 0x4c07;
  if ((flags & kRefused) != 0) return OverlayError::kBad;
  found.payload = payload_of(gre->protocol);
  found.has_checksum = (flags & GreHeader::kChecksum) != 0;
  if (found.has_checksum && !reader.skip(sizeof(be32))) return OverlayError::kBad;
  if ((flags & GreHeader::kKey) != 0) {
    const auto* key = reader.read<be32>();
    if (key == nullptr) return OverlayError::kBad;
    found.id = key->host();
  }
  return (flags & GreHeader::kSequence) == 0 || reader.skip(sizeof(be32)) ? OverlayError::kNone
                                                                          : OverlayError::kBad;
}

}  // namespace

OverlayError read_overlay(OverlayType type, Bytes frame, const Headers& outer,
                          OverlayHeader& found) noexcept {
  Reader reader(frame.first(std::min<std::size_t>(frame.size(), outer.end_offset)));
  if (!reader.skip(type == OverlayType::kGre ? outer.l4_offset : outer.payload_offset))
    return OverlayError::kBad;
  OverlayError error = OverlayError::kBad;
  switch (type) {
    case OverlayType::kVxlan:
    case OverlayType::kVxlanGpe:
      error = read_vxlan(type, reader, found);
      break;
    case OverlayType::kGeneve:
      error = read_geneve(reader, found);
      break;
    case OverlayType::kGre:
      error = read_gre(reader, found);
      break;
  }
  found.payload_offset = static_cast<std::uint16_t>(reader.offset());
  return error;
}

}  // namespace millrace::net
