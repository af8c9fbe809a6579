// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/tls_reader.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace millrace::firewall::inspection {
namespace {

constexpr std::uint32_t kRecordHeader = 5;
constexpr std::uint32_t kMessageHeader = 4;
constexpr std::uint32_t kMostRecord = (1U << 14U) + 2048;  // RFC 5246 section 6.2.3
constexpr std::uint8_t kAlert = 21;
constexpr std::uint8_t kHandshake = 22;
constexpr std::uint8_t kClientHello = 1;
constexpr std::uint8_t kCertificate = 11;

std::uint32_t length_at(Bytes stream, std::uint32_t record) noexcept {
  return std::uint32_t{stream[record + 3]} << 8U | stream[record + 4];
}

}  // namespace

bool TlsReader::take_record(Bytes stream) noexcept {
  const std::uint8_t type = stream[at_];
  const std::uint32_t length = length_at(stream, at_);
  // What follows a change of ciphers is not in the clear; a message cut by something else is none.
  const bool readable =
      stream[at_ + 1] == 3 && length <= kMostRecord && (type == kHandshake || (type == kAlert && have_ == 0));
  if (!readable) {
    over_ = true;
    return false;
  }
  if (stream.size() - at_ < kRecordHeader + length) return false;
  if (type == kHandshake) {
    if (have_ == 0) {
      record_ = at_;
      skip_ = 0;
    }
    have_ += length;
  }
  at_ += kRecordHeader + length;
  return true;
}

void TlsReader::copy(Bytes stream, MutableBytes to, bool move) noexcept {
  std::uint32_t record = record_;
  std::uint32_t skip = skip_;
  std::size_t done = 0;
  while (done < to.size()) {
    const std::uint32_t length = length_at(stream, record);
    if (skip == length || stream[record] != kHandshake) {
      record += kRecordHeader + length;
      skip = 0;
      continue;
    }
    const std::size_t here = std::min<std::size_t>(length - skip, to.size() - done);
    std::memcpy(to.data() + done, stream.data() + record + kRecordHeader + skip, here);
    done += here;
    skip += static_cast<std::uint32_t>(here);
  }
  if (!move) return;
  record_ = record;
  skip_ = skip;
}

Bytes TlsReader::message(Bytes stream, Room& room) noexcept {
  const std::uint32_t size = std::exchange(need_, 0);
  have_ -= size;
  if (skip_ + size <= length_at(stream, record_)) {
    const Bytes whole = stream.subspan(record_ + kRecordHeader + skip_, size);
    skip_ += size;
    return whole;
  }
  const MutableBytes whole = room.take(size);
  if (whole.empty()) {
    over_ = true;
    return {};
  }
  copy(stream, whole, true);
  return whole;
}

TlsReader::Found TlsReader::next(Bytes stream, Room& room, Parts& parts) noexcept {
  while (have_ < kMessageHeader || (need_ != 0 && have_ < need_)) {
    if (stream.size() < at_ + std::size_t{kRecordHeader} || !take_record(stream)) return Found::kNothing;
  }
  if (need_ == 0) {
    std::array<std::uint8_t, kMessageHeader> header;
    copy(stream, header, false);
    type_ = header[0];
    need_ = kMessageHeader + (std::uint32_t{header[1]} << 16U | std::uint32_t{header[2]} << 8U | header[3]);
    if (need_ > kMostMessage) over_ = true;
    return over_ ? Found::kNothing : Found::kOther;
  }
  const Bytes whole = message(stream, room);
  if (whole.empty()) return Found::kNothing;
  const Bytes body = whole.subspan(kMessageHeader);
  const bool has_parts = type_ == kClientHello   ? read_client_hello(body, room, parts)
                         : type_ == kCertificate ? read_certificates(body, room, parts)
                                                 : false;
  return has_parts && parts.present != 0 ? Found::kParts : Found::kOther;
}

}  // namespace millrace::firewall::inspection
