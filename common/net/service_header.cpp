// SPDX-License-Identifier: BSD-3-Clause
#include "common/net/service_header.h"

namespace millrace::net {
namespace {

// RFC 8300 section 2.5. A header inside a header is read past, so often: real packets carry one.
constexpr unsigned kMostHeaders = 4;
constexpr std::uint8_t kNextIpv4 = 1;
constexpr std::uint8_t kNextIpv6 = 2;
constexpr std::uint8_t kNextNsh = 4;

ServiceError read_one(Bytes bytes, const NshHeader*& header) noexcept {
  Reader reader(bytes);
  header = reader.peek<NshHeader>();
  // Section 2.2: versions other than 0 are not for us, and a length counts the header itself.
  if (header == nullptr || header->version() != 0 || header->length() < sizeof(NshHeader) ||
      header->length() > bytes.size())
    return ServiceError::kBad;
  if (header->oam()) return ServiceError::kOam;
  switch (header->md_type()) {
    case NshHeader::kMdFixed:  // section 2.4: four words of context
      return header->length() == sizeof(NshHeader) + 16 ? ServiceError::kNone : ServiceError::kBad;
    case NshHeader::kMdVariable:
      return ServiceError::kNone;
    default:  // 0 is reserved, 15 for experiments, the rest unassigned: silently discarded
      return ServiceError::kMetadata;
  }
}

ServiceError read_nsh(Bytes bytes, ServiceHeader& found) noexcept {
  const NshHeader* header = nullptr;
  for (unsigned count = 0; count < kMostHeaders; ++count) {
    const Bytes rest = bytes.subspan(found.length);
    if (const ServiceError error = read_one(rest, header); error != ServiceError::kNone) return error;
    if (count == 0) {
      found.path = header->path_index.host() >> 8;
      found.index = static_cast<std::uint8_t>(header->path_index.host());
      if (found.index == 0) return ServiceError::kIndexEnded;
    }
    found.payload_type = static_cast<std::uint16_t>(found.length + offsetof(NshHeader, next_protocol));
    found.length = static_cast<std::uint16_t>(found.length + header->length());
    switch (header->next_protocol) {
      case kNextIpv4:
        found.payload = ServicePayload::kIpv4;
        return ServiceError::kNone;
      case kNextIpv6:
        found.payload = ServicePayload::kIpv6;
        return ServiceError::kNone;
      case kNextEthernet:
        found.payload = ServicePayload::kEthernet;
        found.payload_type = 0;
        return ServiceError::kNone;
      case kNextNsh:
        break;
      default:
        return ServiceError::kPayload;
    }
  }
  return ServiceError::kTooDeep;
}

// RFC 3032 section 2.1. What is inside tells itself by its first half byte, as it is IP.
ServiceError read_mpls(Bytes bytes, ServiceHeader& found) noexcept {
  Reader reader(bytes);
  const auto* entry = reader.read<MplsEntry>();
  if (entry == nullptr) return ServiceError::kBad;
  found.path = entry->label();
  found.length = sizeof(MplsEntry);
  if (!entry->is_last()) return ServiceError::kTooDeep;
  if (found.path <= kLeastLabel) return ServiceError::kIndexEnded;
  const Bytes rest = reader.rest();
  const unsigned version = rest.empty() ? 0 : rest[0] >> 4U;
  if (version != 4 && version != 6) return ServiceError::kPayload;
  found.payload = version == 4 ? ServicePayload::kIpv4 : ServicePayload::kIpv6;
  return ServiceError::kNone;
}

}  // namespace

ServiceError read_service(ServiceType type, Bytes bytes, ServiceHeader& found) noexcept {
  return type == ServiceType::kNsh ? read_nsh(bytes, found) : read_mpls(bytes, found);
}

void take_index(ServiceType type, std::uint8_t* header) noexcept {
  // Section 2.3: the index in the last byte, which read_service() has seen not to be 0. A label: the number
  // in the upper 20 bits.
  be32& word = type == ServiceType::kNsh ? reinterpret_cast<NshHeader*>(header)->path_index
                                         : reinterpret_cast<MplsEntry*>(header)->word;
  word = be32(word.host() - (type == ServiceType::kNsh ? 1U : 1U << MplsEntry::kLabelShift));
}

void set_path(ServiceType type, std::uint8_t* header, std::uint32_t path, std::uint8_t index) noexcept {
  if (type == ServiceType::kNsh) {
    reinterpret_cast<NshHeader*>(header)->path_index = be32(path << 8 | index);
    return;
  }
  auto& entry = *reinterpret_cast<MplsEntry*>(header);
  constexpr std::uint32_t kRest = (1U << MplsEntry::kLabelShift) - 1;
  entry.word = be32(path << MplsEntry::kLabelShift | (entry.word.host() & kRest));
}

}  // namespace millrace::net
