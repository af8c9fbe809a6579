// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/state_stream.h"

#include <array>
#include <cstring>

#include <fmt/format.h>

#include "common/base/big_endian.h"
#include "common/base/crc32c.h"

namespace millrace::control {
namespace {

struct WireHeader {
  std::array<std::uint8_t, 8> magic;
  be16 version;
  std::array<std::uint8_t, 6> zero;
};

struct WireFrame {
  std::uint8_t type;
  std::array<std::uint8_t, 3> zero;
  be32 length;
};

}  // namespace

std::string state_header(std::string_view magic, std::uint16_t version) {
  WireHeader header{};
  std::memcpy(header.magic.data(), magic.data(), header.magic.size());
  header.version = be16(version);
  return std::string(bytes_of(header));
}

std::string state_frame(std::uint8_t type, std::string_view payload) {
  const WireFrame head{type, {}, be32(static_cast<std::uint32_t>(payload.size()))};
  std::string bytes(bytes_of(head));
  bytes += payload;
  const be32 check(crc32c(bytes));
  bytes += bytes_of(check);
  return bytes;
}

tl::unexpected<Error> StateReader::wrong(std::string what) const {
  return failure("read the stream of " + of_, std::move(what), fmt::format("byte {}", place_));
}

Result<std::uint16_t> StateReader::header(std::string_view magic) {
  const auto* header = reader_.read<WireHeader>();
  if (header == nullptr || std::memcmp(header->magic.data(), magic.data(), header->magic.size()) != 0)
    return wrong(fmt::format("it does not begin like a stream of {}", of_));
  if (header->zero != decltype(header->zero){}) return wrong("its head is malformed");
  return header->version.host();
}

Result<StateReader::Frame> StateReader::next() {
  place_ = reader_.offset();
  const auto* head = reader_.peek<WireFrame>();
  if (head == nullptr) return wrong("it is cut off");
  const std::size_t length = head->length.host();
  if (length > longest_) return wrong("a frame is longer than any can be");
  const std::size_t checked = sizeof(WireFrame) + length;
  if (reader_.left() < checked + sizeof(be32)) return wrong("it is cut off");
  be32 check;
  std::memcpy(&check, stream_.data() + place_ + checked, sizeof check);
  if (check.host() != crc32c(stream_.substr(place_, checked)))
    return wrong("a frame is damaged: its checksum is wrong");
  if (head->zero != decltype(head->zero){}) return wrong("a frame has a malformed head");
  const Bytes payload = reader_.rest().subspan(sizeof(WireFrame), length);
  static_cast<void>(reader_.skip(checked + sizeof check));
  return Frame{head->type, payload};
}

}  // namespace millrace::control
