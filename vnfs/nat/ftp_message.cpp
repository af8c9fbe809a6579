// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/ftp_message.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

namespace millrace::nat::ftp {
namespace {

constexpr bool is_digit(std::uint8_t byte) noexcept { return byte >= '0' && byte <= '9'; }

constexpr std::uint8_t upper(std::uint8_t byte) noexcept {
  return byte >= 'a' && byte <= 'z' ? static_cast<std::uint8_t>(byte - 'a' + 'A') : byte;
}

bool begins_with(Bytes line, std::string_view word) noexcept {
  return line.size() >= word.size() &&
         std::equal(word.begin(), word.end(), line.begin(),
                    [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == upper(b); });
}

// RFC 959 section 4.2: a reply's text follows a space, or a hyphen when more lines come.
bool is_reply(Bytes line, std::string_view code) noexcept {
  return begins_with(line, code) && line.size() > code.size() &&
         (line[code.size()] == ' ' || line[code.size()] == '-');
}

// Reads a line from a place on.
class Scanner {
 public:
  Scanner(Bytes line, std::size_t at) noexcept : line_(line), at_(at) {}

  [[nodiscard]] std::size_t at() const noexcept { return at_; }
  [[nodiscard]] bool done() const noexcept { return at_ >= line_.size(); }
  [[nodiscard]] bool skip(char wanted) noexcept {
    if (done() || line_[at_] != static_cast<std::uint8_t>(wanted)) return false;
    ++at_;
    return true;
  }
  void skip_spaces() noexcept {
    while (skip(' ')) {
    }
  }
  [[nodiscard]] std::optional<char> take() noexcept {
    if (done()) return std::nullopt;
    return static_cast<char>(line_[at_++]);
  }
  // A decimal number of at most `most_digits`, and none behind it.
  [[nodiscard]] std::optional<unsigned> number(unsigned most_digits, unsigned most) noexcept {
    unsigned value = 0;
    unsigned digits = 0;
    for (; !done() && is_digit(line_[at_]); ++at_, ++digits) {
      if (digits == most_digits) return std::nullopt;
      value = value * 10 + (line_[at_] - unsigned{'0'});
    }
    if (digits == 0 || value > most) return std::nullopt;
    return value;
  }
  // `count` bytes with `separator` between them.
  template <std::size_t Count>
  [[nodiscard]] bool bytes(std::array<std::uint8_t, Count>& out, char separator) noexcept {
    for (std::size_t i = 0; i < Count; ++i) {
      if (i != 0 && !skip(separator)) return false;
      const auto value = number(3, 255);
      if (!value) return false;
      out[i] = static_cast<std::uint8_t>(*value);
    }
    return true;
  }

 private:
  Bytes line_;
  std::size_t at_;
};

net::Ipv4Address address_of(const std::uint8_t* bytes) noexcept {
  return {be32(std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 | std::uint32_t{bytes[2]} << 8 |
               bytes[3])};
}

// RFC 959 section 4.1.2: HOST-PORT.
std::optional<Message> read_host_port(Scanner& scanner) noexcept {
  Message message{.form = Form::kPort, .at = static_cast<std::uint16_t>(scanner.at())};
  std::array<std::uint8_t, 6> bytes{};
  if (!scanner.bytes(bytes, ',')) return std::nullopt;
  message.length = static_cast<std::uint16_t>(scanner.at() - message.at);
  message.address = address_of(bytes.data());
  message.port = be16(static_cast<std::uint16_t>(bytes[4] << 8 | bytes[5]));
  return message;
}

bool ends(Scanner& scanner) noexcept {
  scanner.skip_spaces();
  return scanner.done();
}

Message read_port(Bytes line) noexcept {
  Scanner scanner(line, 5);
  scanner.skip_spaces();
  const auto message = read_host_port(scanner);
  return message && ends(scanner) ? *message : Message{};
}

// RFC 2428 section 2: delimiters are of 33 to 126; a digit would say nothing.
bool may_delimit(std::optional<char> byte) noexcept {
  return byte && *byte >= 33 && *byte <= 126 && !is_digit(static_cast<std::uint8_t>(*byte));
}

// RFC 2428 section 2: EPRT<space><d><net-prt><d><net-addr><d><tcp-port><d>.
Message read_eprt(Bytes line) noexcept {
  constexpr unsigned kIpv4 = 1;  // of the address families
  Scanner scanner(line, 5);
  scanner.skip_spaces();
  const auto delimiter = scanner.take();
  if (!may_delimit(delimiter) || *delimiter == '.') return {};
  if (scanner.number(1, kIpv4) != kIpv4 || !scanner.skip(*delimiter)) return {};
  Message message{
      .form = Form::kEprt, .at = static_cast<std::uint16_t>(scanner.at()), .delimiter = *delimiter};
  std::array<std::uint8_t, 4> address{};
  if (!scanner.bytes(address, '.') || !scanner.skip(*delimiter)) return {};
  const auto port = scanner.number(5, 65535);
  if (!port) return {};
  message.length = static_cast<std::uint16_t>(scanner.at() - message.at);
  message.address = address_of(address.data());
  message.port = be16(static_cast<std::uint16_t>(*port));
  return scanner.skip(*delimiter) && ends(scanner) ? message : Message{};
}

// RFC 1123 section 4.1.2.6: the text before the numbers, and what encloses them, may be any.
Message read_passive(Bytes line) noexcept {
  for (std::size_t at = 4; at < line.size(); ++at) {
    if (!is_digit(line[at]) || is_digit(line[at - 1]) || line[at - 1] == ',') continue;
    Scanner scanner(line, at);
    const auto message = read_host_port(scanner);
    // With a seventh number, before or after, it is something else.
    if (message && !scanner.skip(',')) return *message;
  }
  return {};
}

// RFC 2428 section 3: (<d><d><d><tcp-port><d>).
Message read_extended_passive(Bytes line) noexcept {
  const auto open = std::find(line.begin(), line.end(), std::uint8_t{'('});
  if (open == line.end()) return {};
  Scanner scanner(line, static_cast<std::size_t>(open - line.begin()) + 1);
  const auto delimiter = scanner.take();
  if (!may_delimit(delimiter) || !scanner.skip(*delimiter) || !scanner.skip(*delimiter)) return {};
  Message message{.form = Form::kEpsv, .at = static_cast<std::uint16_t>(scanner.at())};
  const auto port = scanner.number(5, 65535);
  if (!port) return {};
  message.length = static_cast<std::uint16_t>(scanner.at() - message.at);
  message.port = be16(static_cast<std::uint16_t>(*port));
  return scanner.skip(*delimiter) && scanner.skip(')') ? message : Message{};
}

std::uint8_t* put(std::uint8_t* to, const std::uint8_t* end, unsigned value) noexcept {
  auto* text = reinterpret_cast<char*>(to);
  return to + (std::to_chars(text, text + (end - to), value).ptr - text);
}

}  // namespace

Message read_line(Bytes line, Sender sender) noexcept {
  if (line.size() > kLongestLine) return {};
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line = line.first(line.size() - 1);
  if (sender == Sender::kClient) {
    if (begins_with(line, "PORT ")) return read_port(line);
    if (begins_with(line, "EPRT ")) return read_eprt(line);
    return {};
  }
  if (is_reply(line, "227")) return read_passive(line);
  if (is_reply(line, "229")) return read_extended_passive(line);
  return {};
}

bool may_become_message(Bytes line, Sender sender) noexcept {
  if (line.size() > kLongestLine) return false;
  if (sender == Sender::kClient) return begins_with(line, "PORT ") || begins_with(line, "EPRT ");
  return is_reply(line, "227") || is_reply(line, "229");
}

std::size_t write(Text& text, const Message& message, net::Ipv4Address address, be16 port) noexcept {
  const std::uint32_t host = address.value.host();
  const std::array<unsigned, 6> numbers{host >> 24,   host >> 16 & 0xffU,         host >> 8 & 0xffU,
                                        host & 0xffU, unsigned{port.host()} >> 8, port.host() & 0xffU};
  const std::uint8_t* end = text.data() + text.size();
  std::uint8_t* to = text.data();
  const auto put_numbers = [&](std::size_t count, char separator) {
    for (std::size_t i = 0; i < count; ++i) {
      if (i != 0) *to++ = static_cast<std::uint8_t>(separator);
      to = put(to, end, numbers[i]);
    }
  };
  switch (message.form) {
    case Form::kPort:
      put_numbers(numbers.size(), ',');
      break;
    case Form::kEprt:
      put_numbers(4, '.');
      *to++ = static_cast<std::uint8_t>(message.delimiter);
      to = put(to, end, port.host());
      break;
    case Form::kEpsv:
      to = put(to, end, port.host());
      break;
    case Form::kNone:
      break;
  }
  return static_cast<std::size_t>(to - text.data());
}

}  // namespace millrace::nat::ftp
