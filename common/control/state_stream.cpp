// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/state_stream.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

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

net::IpAddress address_of(std::uint8_t family, const StateAddress& bytes) noexcept {
  if (family == 6) return net::Ipv6Address{bytes};
  std::uint32_t word = 0;
  std::memcpy(&word, bytes.data(), sizeof word);
  return net::Ipv4Address{be32::from_wire(word)};
}

bool is_padded(std::uint8_t family, const StateAddress& bytes) noexcept {
  return family == 6 || std::all_of(bytes.begin() + 4, bytes.end(), [](auto byte) { return byte == 0; });
}

std::uint32_t StateWriter::number(const std::string& name, std::optional<std::uint8_t> kind) {
  auto& numbers = numbers_[kind];
  const auto [known, is_new] = numbers.try_emplace(name, static_cast<std::uint32_t>(numbers.size()));
  if (is_new) {
    std::string payload;
    if (kind) payload += static_cast<char>(*kind);
    payload += bytes_of(be32(known->second));
    new_names_ += frame(format_.name_type, payload + name);
  }
  return known->second;
}

std::string StateWriter::begin() const {
  WireHeader header{};
  std::memcpy(header.magic.data(), format_.magic.data(), header.magic.size());
  header.version = be16(format_.version);
  return std::string(bytes_of(header));
}

std::string StateWriter::end() const { return frame(format_.end_type, bytes_of(be64(count_))); }

std::string StateWriter::frame(std::uint8_t type, std::string_view payload) {
  const WireFrame head{type, {}, be32(static_cast<std::uint32_t>(payload.size()))};
  std::string bytes(bytes_of(head));
  bytes += payload;
  const be32 check(crc32c(bytes));
  bytes += bytes_of(check);
  return bytes;
}

tl::unexpected<Error> StateReader::wrong(std::string what) const {
  return failure(fmt::format("read the stream of {}", format_.of), std::move(what),
                 fmt::format("byte {}", place_));
}

tl::unexpected<Error> StateReader::unknown(const Frame& frame) const {
  return wrong(fmt::format("a frame has the unknown type {}", frame.type));
}

Result<std::uint16_t> StateReader::header(std::initializer_list<std::uint16_t> known) {
  const auto* header = reader_.read<WireHeader>();
  if (header == nullptr || std::memcmp(header->magic.data(), format_.magic.data(), header->magic.size()) != 0)
    return wrong(fmt::format("it does not begin like a stream of {}", format_.of));
  if (header->zero != decltype(header->zero){}) return wrong("its head is malformed");
  const std::uint16_t version = header->version.host();
  if (std::ranges::find(known, version) == known.end()) {
    return wrong(fmt::format("it has version {}; this appliance reads version{} {}", version,
                             known.size() > 1 ? "s" : "", fmt::join(known, " and ")));
  }
  return version;
}

Result<void> StateReader::name(millrace::Reader payload, std::vector<std::string>& names) const {
  const auto* number = payload.read<be32>();
  if (number == nullptr) return wrong("a name is malformed");
  const Bytes text = payload.rest();
  if (number->host() != names.size() || text.empty() || text.size() > kLongestStateName)
    return wrong("a name is out of order, empty or too long");
  names.emplace_back(reinterpret_cast<const char*>(text.data()), text.size());
  return {};
}

Result<void> StateReader::end(millrace::Reader payload, std::size_t count) {
  const auto* told = payload.read<be64>();
  if (told == nullptr || payload.left() != 0) return wrong("its end is malformed");
  if (told->host() != count) {
    return wrong(fmt::format("it should hold {} {} and holds {}", told->host(), format_.of, count));
  }
  ended_ = true;
  return {};
}

Result<StateReader::Frame> StateReader::next() {
  place_ = reader_.offset();
  const auto* head = reader_.peek<WireFrame>();
  if (head == nullptr) return wrong("it is cut off");
  const std::size_t length = head->length.host();
  if (length > format_.longest) return wrong("a frame is longer than any can be");
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
