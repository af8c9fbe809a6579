// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/sdp.h"

namespace millrace::nat::sdp {
namespace {

WrittenAddress take_address(TextReader& line) noexcept {
  const std::size_t at = line.at();
  const auto address = line.take_ipv4();
  if (!address) return {};
  return {{at, line.at() - at}, *address};
}

// "IN IP4 192.0.2.1", and what may follow an address of a group.
WrittenAddress take_network_address(TextReader& line) noexcept {
  if (!line.take("IN IP4 ")) return {};
  return take_address(line);
}

class DescriptionReader {
 public:
  explicit DescriptionReader(std::string_view text) noexcept : text_(text) {}

  bool read(Place body) noexcept {
    TextReader lines(text_, body);
    bool first = true;
    bool ended = false;
    while (!lines.at_end()) {
      Place line = lines.take_while([](char c) { return c != '\n'; });
      // Section 5: lines end with CRLF, and one should live with LF.
      if (lines.take('\n') && line.length != 0 && text_[line.end() - 1] == '\r') --line.length;
      if (line.length == 0) {
        ended = true;
        continue;
      }
      if (ended || !read_line(line, first)) return false;
      if (in_media()) media().end = lines.at();
      first = false;
    }
    return !first;
  }
  [[nodiscard]] const Description& description() const noexcept { return description_; }

 private:
  [[nodiscard]] bool in_media() const noexcept { return description_.count != 0; }
  [[nodiscard]] Media& media() noexcept { return description_.media[description_.count - 1]; }

  bool read_line(Place line, bool first) noexcept {
    TextReader reader(text_, line);
    const char type = reader.peek();
    reader.skip();
    if (!is_letter(type) || !reader.take('=')) return false;
    for (const char c : line.of(text_)) {
      if (c == '\0' || c == '\r') return false;
    }
    if (first) return type == 'v' && reader.take("0") && reader.at_end();
    switch (type) {
      case 'o':
        return read_origin(reader);
      case 'c':
        return read_connection(reader);
      case 'm':
        return read_media(reader);
      case 'a':
        return !in_media() || read_attribute(reader);
      default:
        return true;
    }
  }

  // Section 5.2: the address is behind user name, number and version.
  bool read_origin(TextReader& line) noexcept {
    if (in_media() || description_.origin.there()) return false;
    for (unsigned word = 0; word < 3; ++word) {
      line.take_word();
      if (!line.take(' ')) return false;
    }
    description_.origin = take_network_address(line);
    return true;
  }

  // Section 5.7. More than one in a media description are of groups, which no host behind us is.
  bool read_connection(TextReader& line) noexcept {
    const WrittenAddress address = take_network_address(line);
    if (!in_media()) {
      if (description_.connection.there()) return false;
      description_.connection = address;
      return true;
    }
    if (media().has_connection) return false;
    media().has_connection = true;
    media().connection = address;
    return true;
  }

  // "audio 49170 RTP/AVP 0", or "audio 49170/2 RTP/AVP 0".
  bool read_media(TextReader& line) noexcept {
    if (description_.count == kMostMedia) return false;
    Media one;
    line.take_word();
    if (!line.take(' ')) return false;
    const std::size_t at = line.at();
    const auto port = line.take_number(65535);
    if (!port) return false;
    one.port = {{at, line.at() - at}, static_cast<std::uint16_t>(*port)};
    if (line.take('/')) {
      const auto ports = line.take_number(65535);
      if (!ports) return false;
      one.ports = *ports;
    }
    if (!line.take(' ')) return false;
    one.carriage = carriage_of(line.take_word().of(text_));
    description_.media[description_.count++] = one;
    return true;
  }

  static Carriage carriage_of(std::string_view protocol) noexcept {
    const auto begins = [protocol](std::string_view with) {
      return protocol.size() >= with.size() && same_word({protocol.data(), with.size()}, with);
    };
    if (begins("RTP/") || begins("UDP/TLS/RTP/")) return Carriage::kRtp;
    if (begins("UDP")) return Carriage::kUdp;
    return Carriage::kOther;
  }

  // RFC 3605: "rtcp:53020", or "rtcp:53020 IN IP4 126.16.64.4".
  bool read_attribute(TextReader& line) noexcept {
    if (!line.take("rtcp:")) return true;
    if (media().rtcp.there()) return false;
    const std::size_t at = line.at();
    const auto port = line.take_number(65535);
    if (!port) return false;
    media().rtcp = {{at, line.at() - at}, static_cast<std::uint16_t>(*port)};
    if (line.at_end()) return true;
    if (!line.take(' ')) return false;
    media().rtcp_address = take_network_address(line);
    // An address we do not know is not our host's.
    if (!media().rtcp_address.there()) media().rtcp_elsewhere = true;
    return true;
  }

  std::string_view text_;
  Description description_;
};

}  // namespace

std::optional<Description> read(std::string_view text, Place body) noexcept {
  DescriptionReader reader(text);
  if (!reader.read(body)) return std::nullopt;
  return reader.description();
}

}  // namespace millrace::nat::sdp
