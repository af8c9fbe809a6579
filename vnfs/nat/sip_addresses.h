// SPDX-License-Identifier: BSD-3-Clause
// The addresses in the header fields of SIP (RFC 3261 sections 19.1, 20 and 25), and what stands for them on
// the other side of a NAT.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "common/net/address.h"
#include "vnfs/nat/text_edits.h"

namespace millrace::nat::sip {

inline constexpr std::uint16_t kPort = 5060;

// The port is a number.
struct End {
  net::Ipv4Address address;
  std::uint16_t port = 0;
  bool operator==(const End&) const noexcept = default;
};

// `rtcp` 0: none.
struct MediaPorts {
  std::uint16_t rtp = 0;
  std::uint16_t rtcp = 0;
  bool operator==(const MediaPorts&) const noexcept = default;
};

// What the NAT knows, asked while a message is rewritten. Nothing may be allocated.
class Ends {
 public:
  virtual ~Ends() = default;
  // What a signalling end of the side a message comes from is on the other side; nothing: not ours, it stays.
  // Of a message that comes in: an outside end, and what it is inside.
  [[nodiscard]] virtual std::optional<End> other_end(End end) noexcept = 0;
  [[nodiscard]] virtual std::optional<net::Ipv4Address> other_address(net::Ipv4Address address) noexcept = 0;
  // Of a message that goes out, for each of its media at an address that other_address() knows: the ports
  // that lead to these from outside. Nothing: there are none, the message keeps its own.
  [[nodiscard]] virtual std::optional<MediaPorts> open_media(net::Ipv4Address inside,
                                                             MediaPorts ports) noexcept = 0;
  // Of a message that comes in: its sender's media come from here.
  virtual void peer_media(net::Ipv4Address address, MediaPorts ports) noexcept = 0;
};

// What is rewritten of a value.
enum class Ask : std::uint8_t {
  kEnd,       // an address with its port, 5060 where none is written
  kIdentity,  // the address alone where no port is written: RFC 3261 section 8.1.1.3 knows no other
};

// RFC 3261 section 25.1.
[[nodiscard]] constexpr bool is_token(char c) noexcept {
  constexpr std::string_view kMarks = "-.!%*_+`'~";
  return is_letter(c) || is_digit(c) || kMarks.find(c) != std::string_view::npos;
}

// Notes the changes to one SIP URI behind its "sip:".
void rewrite_uri(std::string_view text, Place uri, Ask ask, Ends& ends, TextEdits& edits) noexcept;
// To the URIs of a field's value: Contact, From, Route and their like.
void rewrite_addresses(std::string_view text, Place value, Ask ask, Ends& ends, TextEdits& edits) noexcept;
// To a Via field's value. `answer`: it comes back to us, with what RFC 3581 adds.
void rewrite_via(std::string_view text, Place value, bool answer, Ends& ends, TextEdits& edits) noexcept;

}  // namespace millrace::nat::sip
