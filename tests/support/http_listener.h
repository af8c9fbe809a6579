// SPDX-License-Identifier: BSD-3-Clause
// Reads streams of HTTP in pieces, and keeps what the firewall's reader tells of them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "vnfs/firewall/inspection/http_reader.h"

namespace millrace::testing {

// A store without end, or with one.
class StringStore final : public firewall::inspection::BodyStore {
 public:
  bool append(Bytes bytes) noexcept override {
    if (bytes_.size() + bytes.size() > most) return false;
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return true;
  }
  [[nodiscard]] Bytes bytes() const noexcept override { return bytes_; }
  void clear() noexcept override { bytes_.clear(); }

  std::size_t most = std::size_t{1} << 30;

 private:
  std::vector<std::uint8_t> bytes_;
};

// All that was told of one message, at the end.
struct HttpMessage {
  std::map<firewall::inspection::Buffer, std::string> parts;
  firewall::inspection::HttpAnomalySet anomalies;
  firewall::inspection::Buffers growing = 0;  // when it was told last
  bool ends = false;
  firewall::inspection::HttpPlace head;

  [[nodiscard]] std::string operator[](firewall::inspection::Buffer buffer) const {
    const auto found = parts.find(buffer);
    return found == parts.end() ? "(none)" : found->second;
  }
  bool operator==(const HttpMessage& other) const {
    return parts == other.parts && anomalies == other.anomalies && growing == other.growing &&
           ends == other.ends && head.begin == other.head.begin && head.end == other.head.end;
  }
};

// One connection, as a worker has it.
class HttpListener {
 public:
  using Side = firewall::inspection::Side;

  explicit HttpListener(std::uint16_t states = 2) : inflate(states) {}

  // All of a direction's bytes so far. They are copied, for a sanitizer to see a read past their end.
  firewall::inspection::HttpProgress hear(Side side, std::string_view stream, bool ended) {
    Direction& one = of(side);
    const auto copy = std::make_unique<std::uint8_t[]>(stream.size());
    std::ranges::copy(stream, copy.get());
    const firewall::inspection::HttpWork work{room,    exchange,    one.joined,   one.unpacked,
                                              inflate, most_joined, most_unpacked};
    return one.reader.advance(
        {copy.get(), stream.size()}, ended, side, work,
        [&](const firewall::inspection::HttpEvent& event) noexcept { return note(one, event); });
  }
  // In pieces that end at these places, the last at the end of all.
  void hear_in_pieces(Side side, std::string_view stream, const std::vector<std::size_t>& ends, bool ended) {
    for (const std::size_t end : ends) hear(side, stream.substr(0, end), false);
    hear(side, stream, ended);
  }
  void hear_byte_by_byte(Side side, std::string_view stream, bool ended) {
    for (std::size_t end = 1; end < stream.size(); ++end) hear(side, stream.substr(0, end), false);
    hear(side, stream, ended);
  }
  void end() {
    for (Direction* one : {&client, &server})
      one->reader.end({room, exchange, one->joined, one->unpacked, inflate, most_joined, most_unpacked});
  }

  struct Direction {
    firewall::inspection::HttpReader reader;
    StringStore joined;
    StringStore unpacked;
    std::vector<HttpMessage> messages;
    std::size_t events = 0;
  };
  [[nodiscard]] Direction& of(Side side) { return side == Side::kClient ? client : server; }

  firewall::inspection::Room& room = shared_room();
  firewall::inspection::HttpExchange exchange;
  firewall::inspection::InflatePool inflate;
  std::size_t most_joined = std::size_t{1} << 20;
  std::size_t most_unpacked = std::size_t{1} << 20;
  Direction client;
  Direction server;
  bool stop_at_each = false;  // what the sink says

 private:
  // A reader gives back all it takes of it.
  static firewall::inspection::Room& shared_room() {
    using firewall::inspection::http_head_room;
    using firewall::inspection::kLongestHttpHead;
    static firewall::inspection::Room room(http_head_room(kLongestHttpHead));
    return room;
  }
  bool note(Direction& one, const firewall::inspection::HttpEvent& event) {
    ++one.events;
    if (one.messages.size() <= event.message) one.messages.resize(event.message + 1);
    HttpMessage& message = one.messages[event.message];
    message.anomalies.add(event.anomalies);
    message.ends = message.ends || event.ends;
    if (event.what == firewall::inspection::HttpEvent::What::kAnomaly) return !stop_at_each;
    message.head = event.head;
    message.growing = event.parts.growing;
    for (std::size_t i = 0; i < firewall::inspection::kBuffers; ++i) {
      const auto buffer = static_cast<firewall::inspection::Buffer>(i);
      if (!event.parts.has(buffer)) continue;
      const Bytes bytes = event.parts[buffer];
      message.parts[buffer].assign(bytes.begin(), bytes.end());
    }
    return !stop_at_each;
  }
};

}  // namespace millrace::testing
