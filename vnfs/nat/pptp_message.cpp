// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/pptp_message.h"

namespace millrace::nat::pptp {
namespace {

// RFC 2637 section 2.1 to 2.15.
struct ControlHeader {
  be16 length;
  be16 message;
  be32 cookie;
  be16 type;
  be16 reserved;
};
static_assert(sizeof(ControlHeader) == 12);

constexpr std::uint16_t kControl = 1;
constexpr std::uint32_t kCookie = 0x1a2b3c4d;
constexpr std::uint16_t kFirst = 12;   // the field behind the header
constexpr std::uint16_t kSecond = 14;  // and the one behind that
constexpr std::uint16_t kResult = 16;
constexpr std::uint8_t kAccepted = 1;

enum Type : std::uint16_t {
  kOutgoingRequest = 7,
  kOutgoingReply = 8,
  kIncomingRequest = 9,
  kIncomingReply = 10,
  kIncomingConnected = 11,
  kClearRequest = 12,
  kDisconnectNotify = 13,
  kErrorNotify = 14,
  kSetLinkInfo = 15,
};

// Which ids a message of the type has, and where.
void place_ids(Message& message, std::uint16_t type) noexcept {
  switch (type) {
    case kOutgoingReply:
    case kIncomingReply:
      message.peer_at = kSecond;
      [[fallthrough]];
    case kOutgoingRequest:
    case kIncomingRequest:
      message.begins = true;
      [[fallthrough]];
    case kClearRequest:
    case kDisconnectNotify:
      message.own_at = kFirst;
      message.ends = type == kDisconnectNotify;
      break;
    case kIncomingConnected:
    case kErrorNotify:
    case kSetLinkInfo:
      message.peer_at = kFirst;
      break;
    default:
      break;
  }
}

}  // namespace

Message read(Bytes stream) noexcept {
  Message message;
  Reader reader(stream);
  const auto* header = reader.peek<ControlHeader>();
  if (header == nullptr) {
    // Shorter than any header: only as the rest of one that begins like it.
    const auto* start = reader.peek<be32>();
    const bool alike = start != nullptr && (start->host() & 0xffffU) == kControl;
    message.verdict = alike ? Verdict::kPartial : Verdict::kNone;
    return message;
  }
  const std::uint16_t length = header->length.host();
  if (header->message != be16(kControl) || header->cookie != be32(kCookie) || length < sizeof *header)
    return message;
  if (length > stream.size()) {
    message.verdict = Verdict::kPartial;
    return message;
  }
  message.verdict = Verdict::kMessage;
  message.length = length;
  place_ids(message, header->type.host());
  const auto id_at = [&](std::uint16_t& at) {
    Reader field(stream.first(length));
    const be16* id = field.skip(at) ? field.read<be16>() : nullptr;
    if (at == 0 || id == nullptr) at = 0;
    return at == 0 ? be16{} : *id;
  };
  message.own = id_at(message.own_at);
  message.peer = id_at(message.peer_at);
  if (message.begins && message.peer_at != 0 && length > kResult) {
    message.accepts = stream[kResult] == kAccepted;
    message.refuses = !message.accepts;
  }
  return message;
}

}  // namespace millrace::nat::pptp
