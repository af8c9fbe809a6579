// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/vpn/esp.h"

#include <algorithm>
#include <cstring>

#include "common/net/wire.h"

namespace millrace::vpn {
namespace {

using crypto::Cipher;

bool is_cbc(Cipher cipher) noexcept { return cipher >= Cipher::kAesCbc128 && cipher <= Cipher::kAesCbc256; }

// RFC 4106 section 4, RFC 7634 section 2: salt and IV. RFC 3686 section 4: with a block counter that begins
// at 1.
void write_nonce(const std::array<std::uint8_t, 4>& salt, const std::uint8_t* packet_iv,
                 EspScratch& scratch) noexcept {
  std::memcpy(scratch.iv.data(), salt.data(), 4);
  std::memcpy(scratch.iv.data() + 4, packet_iv, 8);
  const be32 first(1);
  std::memcpy(scratch.iv.data() + 12, &first, 4);
}

// RFC 4106 section 5: SPI and sequence number, the whole one with ESN.
std::uint32_t write_covered(const std::uint8_t* esp, std::uint64_t number, bool extended,
                            EspScratch& scratch) noexcept {
  std::memcpy(scratch.covered.data(), esp, 4);
  if (!extended) {
    std::memcpy(scratch.covered.data() + 4, esp + 4, 4);
    return 8;
  }
  const be64 whole(number);
  std::memcpy(scratch.covered.data() + 4, &whole, 8);
  return 12;
}

}  // namespace

EspLayout::EspLayout(crypto::Suite suite) noexcept : cipher(suite.cipher) {
  const crypto::SuiteSizes sizes = crypto::sizes_of(suite);
  packet_iv = sizes.packet_iv;
  tag = sizes.tag;
  align = std::max<std::uint8_t>(sizes.block, 4);
}

void prepare_seal(OutboundSa& sa, std::uint8_t* payload, std::uint32_t bytes, std::uint8_t next_header,
                  EspScratch& scratch, crypto::Operation& operation) noexcept {
  const EspLayout& layout = sa.layout;
  const std::uint64_t number = ++sa.sent;
  std::uint8_t* const esp = payload - layout.front();
  std::uint8_t* const packet_iv = esp + EspLayout::kHeader;
  const unsigned padding = layout.padding(bytes);
  std::uint8_t* end = payload + bytes;
  for (unsigned i = 1; i <= padding; ++i) *end++ = static_cast<std::uint8_t>(i);
  *end++ = static_cast<std::uint8_t>(padding);
  *end++ = next_header;

  const net::EspHeader header{.spi = sa.spi, .sequence = be32(static_cast<std::uint32_t>(number))};
  std::memcpy(esp, &header, sizeof header);
  operation = {.key = sa.key,
               .text = payload,
               .text_bytes = static_cast<std::uint32_t>(end - payload),
               .covered_bytes = 0,
               .covered = nullptr,
               .iv = scratch.iv.data(),
               .tag = end};
  if (is_cbc(layout.cipher)) {
    // RFC 3602 section 3: nobody can foretell the IV. That of each packet is its number, encrypted: the text
    // begins one block earlier, with an IV of zero.
    const be64 nonce(sa.iv_base + number);
    std::memset(packet_iv, 0, 8);
    std::memcpy(packet_iv + 8, &nonce, 8);
    scratch.iv.fill(0);
    operation.text = packet_iv;
    operation.text_bytes += 16;
  } else if (layout.packet_iv != 0) {
    const be64 nonce(sa.iv_base + number);
    std::memcpy(packet_iv, &nonce, 8);
    write_nonce(sa.salt, packet_iv, scratch);
  }
  if (crypto::is_aead(layout.cipher)) {
    operation.covered_bytes = write_covered(esp, number, sa.extended, scratch);
    operation.covered = scratch.covered.data();
    return;
  }
  operation.covered = esp;
  operation.covered_bytes = static_cast<std::uint32_t>(end - esp);
  if (sa.extended) {  // RFC 4303 section 2.2.1: behind all else, where the tag will be
    const be32 upper(static_cast<std::uint32_t>(number >> 32));
    std::memcpy(end, &upper, 4);
    operation.covered_bytes += 4;
  }
}

EspFault prepare_open(const InboundSa& sa, EspPacket& packet, EspScratch& scratch,
                      crypto::Operation& operation) noexcept {
  const EspLayout& layout = sa.layout;
  const unsigned least = layout.front() + layout.align + layout.tag;
  if (packet.bytes < least) return EspFault::kTruncated;
  std::uint8_t* const esp = packet.esp;
  const std::uint32_t text_bytes = packet.bytes - layout.front() - layout.tag;
  // RFC 4303 section 2.4: the trailer ends on a 4-byte border.
  if (text_bytes % layout.align != 0) return EspFault::kTruncated;
  const auto& header = *reinterpret_cast<const net::EspHeader*>(esp);
  packet.number = sa.window.whole(header.sequence.host());
  if (!sa.window.may_come(packet.number)) return EspFault::kReplayed;

  std::uint8_t* const packet_iv = esp + EspLayout::kHeader;
  std::uint8_t* const text = esp + layout.front();
  std::uint8_t* const tag = text + text_bytes;
  operation = {.key = sa.key,
               .text = text,
               .text_bytes = text_bytes,
               .covered_bytes = 0,
               .covered = nullptr,
               .iv = is_cbc(layout.cipher) ? packet_iv : scratch.iv.data(),
               .tag = tag};
  if (layout.packet_iv == 8) write_nonce(sa.salt, packet_iv, scratch);
  if (crypto::is_aead(layout.cipher)) {
    operation.covered_bytes = write_covered(esp, packet.number, sa.window.is_extended(), scratch);
    operation.covered = scratch.covered.data();
    return EspFault::kNone;
  }
  operation.covered = esp;
  operation.covered_bytes = static_cast<std::uint32_t>(tag - esp);
  if (sa.window.is_extended()) {
    std::memcpy(scratch.tag.data(), tag, layout.tag);
    operation.tag = scratch.tag.data();
    const be32 upper(static_cast<std::uint32_t>(packet.number >> 32));
    std::memcpy(tag, &upper, 4);
    operation.covered_bytes += 4;
  }
  return EspFault::kNone;
}

EspPayload finish_open(InboundSa& sa, const EspPacket& packet) noexcept {
  EspPayload opened;
  if (!sa.window.take(packet.number)) {  // twice in one batch
    opened.fault = EspFault::kReplayed;
    return opened;
  }
  const EspLayout& layout = sa.layout;
  std::uint8_t* const text = packet.esp + layout.front();
  const std::uint32_t text_bytes = packet.bytes - layout.front() - layout.tag;
  const std::uint8_t* const end = text + text_bytes;
  const unsigned padding = end[-2];
  if (padding + EspLayout::kTrailer > text_bytes) {
    opened.fault = EspFault::kPadding;
    return opened;
  }
  for (unsigned i = 0; i < padding; ++i) {
    if (end[-3 - static_cast<int>(i)] == padding - i) continue;
    opened.fault = EspFault::kPadding;
    return opened;
  }
  opened.payload = text;
  opened.bytes = text_bytes - EspLayout::kTrailer - padding;
  opened.next_header = end[-1];
  return opened;
}

}  // namespace millrace::vpn
