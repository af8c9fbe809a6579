// SPDX-License-Identifier: BSD-3-Clause
// ESP (RFC 4303): what stands around a payload, and what is asked of the cipher for it. Payloads lie in one
// run of bytes, with room in front and behind; nothing is copied. Data path.
//
// In two steps each way, so that the cipher works on a whole batch between them.
#pragma once

#include <array>
#include <cstdint>

#include "common/acceleration/crypto/engine.h"
#include "common/base/big_endian.h"
#include "vnfs/vpn/replay_window.h"

namespace millrace::vpn {

// Where things stand in the packets of an SA. Bytes.
struct EspLayout {
  explicit EspLayout(crypto::Suite suite) noexcept;

  static constexpr unsigned kHeader = 8;   // SPI and sequence number
  static constexpr unsigned kTrailer = 2;  // pad length and next header

  // What comes in front of a payload, and behind it.
  [[nodiscard]] unsigned front() const noexcept { return kHeader + packet_iv; }
  [[nodiscard]] unsigned padding(unsigned payload) const noexcept {
    return (align - (payload + kTrailer) % align) % align;
  }
  [[nodiscard]] unsigned behind(unsigned payload) const noexcept { return padding(payload) + kTrailer + tag; }

  std::uint8_t packet_iv;
  std::uint8_t tag;
  std::uint8_t align;  // of the text: RFC 4303 section 2.4 wants 4 at least
  crypto::Cipher cipher;
};

// What an operation points to, for as long as it takes.
struct EspScratch {
  alignas(16) std::array<std::uint8_t, 16> iv;
  std::array<std::uint8_t, 12> covered;
  std::array<std::uint8_t, 32> tag;
};

// An outbound SA, as much of it as its packets change or read. One worker's own.
struct OutboundSa {
  OutboundSa(crypto::Suite suite, const crypto::Key& of_library, std::uint32_t of_spi, bool with_esn,
             std::array<std::uint8_t, 4> of_salt) noexcept
      : layout(suite),
        key(&of_library),
        key_material(of_library.material()),
        spi(of_spi),
        extended(with_esn),
        salt(of_salt) {}

  // RFC 4303 section 3.3.3: no number comes twice, so the last one ends the SA.
  [[nodiscard]] bool is_used_up() const noexcept {
    return sent == (extended ? ~std::uint64_t{0} : std::uint64_t{0xffffffff});
  }

  EspLayout layout;
  const crypto::Key* key;
  Bytes key_material;  // crypto::Key::material(), nearer
  be32 spi;
  bool extended;
  std::array<std::uint8_t, 4> salt;
  std::uint64_t sent = 0;  // the last sequence number
  // Packets have this and their number as the part of the nonce that they carry (RFC 4106 section 3.1). A key
  // that outlives the process, or this object, wants another one each time: no nonce may come twice with a
  // key.
  std::uint64_t iv_base = 0;
};

// Writes all around the payload of `bytes` bytes: layout.front() before it, layout.behind() after it must be
// there. The SA is not used up. Once the operation has run the packet is whole. Until then the upper half of
// an extended number may stand in the tag's place.
void prepare_seal(OutboundSa& sa, std::uint8_t* payload, std::uint32_t bytes, std::uint8_t next_header,
                  EspScratch& scratch, crypto::Operation& operation) noexcept;

// The same of an inbound one.
struct InboundSa {
  InboundSa(crypto::Suite suite, const crypto::Key& of_library, unsigned window_size, bool with_esn,
            std::array<std::uint8_t, 4> of_salt) noexcept
      : layout(suite),
        key(&of_library),
        key_material(of_library.material()),
        salt(of_salt),
        window(window_size, with_esn) {}

  EspLayout layout;
  const crypto::Key* key;
  Bytes key_material;  // crypto::Key::material(), nearer
  std::array<std::uint8_t, 4> salt;
  ReplayWindow window;
};

enum class EspFault : std::uint8_t {
  kNone,
  kTruncated,  // shorter than the headers, or no multiple of the cipher's block
  kReplayed,   // known, or too old
  kPadding,    // opened, and says it has more padding than bytes, or another than 1, 2, 3 ...
};

// An ESP packet that may be opened.
struct EspPacket {
  std::uint8_t* esp = nullptr;  // its header
  std::uint32_t bytes = 0;      // up to the end of the tag
  std::uint64_t number = 0;     // the whole sequence number, once prepared
};

// Before the operation is run. Changes nothing of the SA; with a hash and ESN the tag in the packet is moved.
[[nodiscard]] EspFault prepare_open(const InboundSa& sa, EspPacket& packet, EspScratch& scratch,
                                    crypto::Operation& operation) noexcept;

struct EspPayload {
  EspFault fault = EspFault::kNone;
  std::uint8_t* payload = nullptr;
  std::uint32_t bytes = 0;
  std::uint8_t next_header = 0;  // 59: a dummy packet (RFC 4303 section 2.6), which goes no further
};
// Of a packet whose tag was right. Takes the sequence number.
[[nodiscard]] EspPayload finish_open(InboundSa& sa, const EspPacket& packet) noexcept;

}  // namespace millrace::vpn
