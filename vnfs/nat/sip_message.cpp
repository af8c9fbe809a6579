// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/sip_message.h"

namespace millrace::nat::sip {
namespace {

// Section 7.5, and RFC 5626 section 3.5.1: empty lines may come before a message, or alone to keep a path
// open.
std::size_t skip_empty_lines(std::string_view text, std::size_t at) noexcept {
  while (text.size() - at >= 2 && text[at] == '\r' && text[at + 1] == '\n') at += 2;
  return at;
}

class Rewriter {
 public:
  Rewriter(std::string_view text, Way way, Ends& ends) noexcept : text_(text), way_(way), ends_(ends) {}

  void rewrite(const Message& message, Part part) noexcept {
    const bool inward = way_ == Way::kInward;
    if (inward) rewrite_request_uri(message.head.request_uri);
    rewrite_fields(message.head.fields);
    if (!message.description || part == Part::kHead) return;
    if (inward) return note_peer(*message.description);
    const std::ptrdiff_t before = edits_.growth();
    rewrite_description(*message.description);
    const std::ptrdiff_t growth = edits_.growth() - before;
    if (growth == 0 || !message.head.body_length) return;
    const auto length = static_cast<std::ptrdiff_t>(message.body.length) + growth;
    edits_.replace(message.head.content_length, ShortText().add(static_cast<std::uint32_t>(length)));
  }
  [[nodiscard]] const TextEdits& edits() const noexcept { return edits_; }

 private:
  void rewrite_request_uri(Place uri) noexcept {
    TextReader reader(text_, uri);
    if (reader.take("sip:")) rewrite_uri(text_, reader.rest(), Ask::kEnd, ends_, edits_);
  }

  void rewrite_fields(Place fields) noexcept {
    TextReader reader(text_, fields);
    while (const auto field = take_field(text_, reader)) {
      switch (field->kind) {
        case FieldKind::kVia:
          rewrite_via(text_, field->value, way_ == Way::kInward, ends_, edits_);
          break;
        case FieldKind::kContact:
        case FieldKind::kRoute:
          rewrite_addresses(text_, field->value, Ask::kEnd, ends_, edits_);
          break;
        case FieldKind::kFrom:
        case FieldKind::kTo:
          rewrite_addresses(text_, field->value, Ask::kIdentity, ends_, edits_);
          break;
        default:
          break;
      }
    }
  }

  // The other side's address in the place of ours; false when it is not ours.
  bool rewrite_address(const sdp::WrittenAddress& written) noexcept {
    if (!written.there()) return false;
    const auto other = ends_.other_address(written.value);
    if (other) edits_.replace(written.place, ShortText().add(*other));
    return other.has_value();
  }

  void rewrite_description(const sdp::Description& description) noexcept {
    rewrite_address(description.origin);
    rewrite_address(description.connection);
    for (unsigned i = 0; i < description.count; ++i) {
      const sdp::Media& media = description.media[i];
      if (media.has_connection) rewrite_address(media.connection);
      rewrite_media(media, description.connection_of(media));
    }
  }

  void rewrite_media(const sdp::Media& media, const sdp::WrittenAddress& address) noexcept {
    const bool rtcp_is_ours =
        media.rtcp_address.there() ? rewrite_address(media.rtcp_address) : !media.rtcp_elsewhere;
    if (media.port.value == 0 || media.ports != 1 || media.carriage == sdp::Carriage::kOther) return;
    if (!address.there() || !ends_.other_address(address.value)) return;
    const MediaPorts inside{media.port.value, rtcp_is_ours ? rtcp_port(media) : std::uint16_t{0}};
    const auto outside = ends_.open_media(address.value, inside);
    if (!outside) return;
    edits_.replace(media.port.place, ShortText().add(outside->rtp));
    if (inside.rtcp == 0 || outside->rtcp == 0) return;
    if (media.rtcp.there())
      edits_.replace(media.rtcp.place, ShortText().add(outside->rtcp));
    else if (outside->rtcp != outside->rtp + 1)
      add_rtcp(media, outside->rtcp);
  }

  // RFC 3605 section 2.1: what is not RTP's port and one must be said.
  void add_rtcp(const sdp::Media& media, std::uint16_t port) noexcept {
    const bool ended = text_[media.end - 1] == '\n';
    ShortText line;
    if (!ended) line.add("\r\n");
    line.add("a=rtcp:").add(port);
    if (ended) line.add("\r\n");
    edits_.replace({media.end, 0}, line);
  }

  static std::uint16_t rtcp_port(const sdp::Media& media) noexcept {
    if (media.carriage != sdp::Carriage::kRtp) return 0;
    if (media.rtcp.there()) return media.rtcp.value;
    return media.port.value == 65535 ? std::uint16_t{0} : static_cast<std::uint16_t>(media.port.value + 1);
  }

  void note_peer(const sdp::Description& description) noexcept {
    for (unsigned i = 0; i < description.count; ++i) {
      const sdp::Media& media = description.media[i];
      const sdp::WrittenAddress& address = description.connection_of(media);
      // RFC 3264 section 8.4: 0.0.0.0 is on hold.
      if (media.port.value == 0 || media.carriage == sdp::Carriage::kOther) continue;
      if (!address.there() || address.value == net::Ipv4Address{}) continue;
      ends_.peer_media(address.value, {media.port.value, rtcp_port(media)});
    }
  }

  std::string_view text_;
  Way way_;
  Ends& ends_;
  TextEdits edits_;
};

}  // namespace

Message read_message(std::string_view text, std::size_t from, Carrier carrier) noexcept {
  Message message;
  message.begin = message.end = skip_empty_lines(text, from);
  if (message.begin == text.size()) return message;
  const bool stream = carrier == Carrier::kStream;
  message.state = State::kMalformed;
  switch (read_head(text, message.begin, message.head)) {
    case HeadState::kMalformed:
      return message;
    case HeadState::kIncomplete:
      if (stream) message.state = State::kIncomplete;
      return message;
    case HeadState::kWhole:
      break;
  }
  const std::size_t present = text.size() - message.head.body;
  // Section 20.14: a stream has no other way to tell where a body ends.
  if (stream && !message.head.body_length) return message;
  const std::size_t length = message.head.body_length.value_or(static_cast<std::uint32_t>(present));
  if (length > present) {
    if (!stream) return message;
    message.state = State::kIncomplete;
    message.missing = length - present;
    return message;
  }
  message.body = {message.head.body, length};
  message.end = message.body.end();
  if (message.head.has_description && length != 0) {
    message.description = sdp::read(text, message.body);
    if (!message.description) return message;
  }
  message.state = State::kWhole;
  return message;
}

Rewritten rewrite_message(std::string_view text, const Message& message, Part part, Way way,
                          std::span<char> out, Ends& ends) noexcept {
  Rewriter rewriter(text, way, ends);
  rewriter.rewrite(message, part);
  const TextEdits& edits = rewriter.edits();
  if (edits.empty()) return {};
  const auto written = edits.write(text, message.begin, out);
  if (!written) return {.replaced = {}, .length = 0, .room = false};
  return {.replaced = edits.part(message.begin), .length = *written};
}

}  // namespace millrace::nat::sip
