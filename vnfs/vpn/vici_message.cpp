// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/vpn/vici_message.h"

#include <boost/json.hpp>
#include <limits>

#include <fmt/format.h>

#include "common/base/big_endian.h"

namespace millrace::vpn::vici {
namespace {

using boost::json::array;
using boost::json::object;
using boost::json::value;
using Buffer = std::vector<std::uint8_t>;

enum class Element : std::uint8_t {
  kSectionStart = 1,
  kSectionEnd = 2,
  kKeyValue = 3,
  kListStart = 4,
  kListItem = 5,
  kListEnd = 6,
};

constexpr std::size_t kMostName = std::numeric_limits<std::uint8_t>::max();
constexpr std::size_t kMostValue = std::numeric_limits<std::uint16_t>::max();
constexpr std::size_t kMostDepth = 16;

class Writer {
 public:
  explicit Writer(Buffer& out) : out_(out) {}

  [[nodiscard]] bool good() const { return wrong_.empty(); }
  [[nodiscard]] const std::string& wrong() const { return wrong_; }

  void name(std::string_view text) {
    if (text.size() > kMostName)
      wrong_ = fmt::format("the name '{}' is longer than {} bytes", text, kMostName);
    out_.push_back(static_cast<std::uint8_t>(text.size()));
    bytes(text);
  }

  void content(const object& section) {
    for (const auto& [key, one] : section) {
      if (one.is_object()) {
        element(Element::kSectionStart, key);
        content(one.get_object());
        element(Element::kSectionEnd);
      } else if (one.is_array()) {
        element(Element::kListStart, key);
        for (const value& item : one.get_array()) {
          element(Element::kListItem);
          text(key, item.as_string());
        }
        element(Element::kListEnd);
      } else {
        element(Element::kKeyValue, key);
        text(key, one.as_string());
      }
    }
  }

 private:
  void element(Element kind) { out_.push_back(static_cast<std::uint8_t>(kind)); }
  void element(Element kind, std::string_view key) {
    element(kind);
    name(key);
  }
  // The text is not told: it may be a secret.
  void text(std::string_view key, std::string_view content) {
    if (content.size() > kMostValue)
      wrong_ = fmt::format("{} has {} bytes, and may have {}", key, content.size(), kMostValue);
    out_.push_back(static_cast<std::uint8_t>(content.size() >> 8));
    out_.push_back(static_cast<std::uint8_t>(content.size()));
    bytes(content);
  }
  void bytes(std::string_view content) { out_.insert(out_.end(), content.begin(), content.end()); }

  Buffer& out_;
  std::string wrong_;
};

class Parser {
 public:
  explicit Parser(Bytes bytes) : reader_(bytes) {}

  Result<object> message() {
    object whole;
    if (section(whole, 0) && reader_.left() == 0) return whole;
    return failure("read what charon says",
                   fmt::format("byte {} of the message does not belong there", reader_.offset()));
  }

 private:
  // To its end: the outermost one ends with the message.
  bool section(object& out, std::size_t depth) {
    if (depth > kMostDepth) return false;
    while (reader_.left() != 0) {
      std::string_view key;
      switch (static_cast<Element>(*reader_.take(1).data())) {
        case Element::kSectionStart:
          if (!name(key) || !section(out[key].emplace_object(), depth + 1)) return false;
          break;
        case Element::kSectionEnd:
          return depth != 0;
        case Element::kKeyValue: {
          std::string_view text;
          if (!name(key) || !value_text(text)) return false;
          out[key] = text;
          break;
        }
        case Element::kListStart:
          if (!name(key) || !list(out[key].emplace_array())) return false;
          break;
        case Element::kListItem:
        case Element::kListEnd:
        default:
          return false;
      }
    }
    return depth == 0;
  }

  bool list(array& out) {
    while (reader_.left() != 0) {
      const auto kind = static_cast<Element>(*reader_.take(1).data());
      if (kind == Element::kListEnd) return true;
      std::string_view text;
      if (kind != Element::kListItem || !value_text(text)) return false;
      out.emplace_back(text);
    }
    return false;
  }

  bool name(std::string_view& out) {
    const Bytes length = reader_.take(1);
    return !length.empty() && text(length[0], out);
  }
  bool value_text(std::string_view& out) {
    const Bytes length = reader_.take(2);
    return !length.empty() && text(static_cast<std::size_t>(length[0]) << 8 | length[1], out);
  }
  bool text(std::size_t length, std::string_view& out) {
    const Bytes bytes = reader_.take(length);
    out = {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    return bytes.size() == length;
  }

  millrace::Reader reader_;
};

bool is_named(PacketType type) { return type == PacketType::kEvent; }

}  // namespace

Result<Buffer> write_packet(PacketType type, std::string_view name, const object& message) {
  Buffer out(kLengthBytes);
  out.push_back(static_cast<std::uint8_t>(type));
  Writer writer(out);
  writer.name(name);
  writer.content(message);
  const std::string attempt = fmt::format("tell charon '{}'", name);
  if (!writer.good()) return failure(attempt, writer.wrong());
  const std::size_t length = out.size() - kLengthBytes;
  if (length > kMostPacketBytes)
    return failure(attempt, fmt::format("it has {} bytes, and may have {}", length, kMostPacketBytes));
  for (std::size_t i = 0; i < kLengthBytes; ++i)
    out[i] = static_cast<std::uint8_t>(length >> 8 * (kLengthBytes - 1 - i));
  return out;
}

Result<Packet> read_packet(Bytes bytes) {
  const auto wrong = [](std::string_view what) {
    return failure("read what charon says", std::string(what));
  };
  if (bytes.empty()) return wrong("a packet is empty");
  Packet packet{.type = static_cast<PacketType>(bytes[0]), .name = {}, .message = bytes.subspan(1)};
  if (packet.type > PacketType::kEvent) return wrong(fmt::format("there is no packet of type {}", bytes[0]));
  if (!is_named(packet.type)) return packet;
  if (packet.message.empty() || packet.message.size() <= packet.message[0])
    return wrong("an event ends within its name");
  const std::size_t length = packet.message[0];
  packet.name = {reinterpret_cast<const char*>(packet.message.data()) + 1, length};
  packet.message = packet.message.subspan(1 + length);
  return packet;
}

Result<object> read_message(Bytes bytes) { return Parser(bytes).message(); }

}  // namespace millrace::vpn::vici
