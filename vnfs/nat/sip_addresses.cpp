// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/sip_addresses.h"

namespace millrace::nat::sip {
namespace {

// "192.0.2.1" or "192.0.2.1:5070", as it is written.
struct WrittenEnd {
  Place place;
  End end;
  bool has_port = false;
};

std::optional<WrittenEnd> take_end(TextReader& reader) noexcept {
  WrittenEnd written;
  const std::size_t from = reader.at();
  const auto address = reader.take_ipv4();
  if (!address) return std::nullopt;
  written.end = {*address, kPort};
  written.place = {from, reader.at() - from};
  // Section 25.1: there may be space around the colon of a Via.
  reader.skip_space();
  if (reader.take(':')) {
    reader.skip_space();
    const auto port = reader.take_number(65535);
    if (!port || *port == 0) return std::nullopt;
    written.end.port = static_cast<std::uint16_t>(*port);
    written.place.length = reader.at() - from;
    written.has_port = true;
  }
  return written;
}

void replace_end(const WrittenEnd& written, End by, TextEdits& edits) noexcept {
  ShortText text;
  text.add(by.address);
  if (written.has_port || by.port != kPort) text.add(":").add(by.port);
  edits.replace(written.place, text);
}

// Behind the closing mark; false when there is none.
bool skip_quoted(TextReader& reader) noexcept {
  reader.skip();
  while (!reader.at_end()) {
    if (reader.take('"')) return true;
    if (reader.peek() == '\\') reader.skip();
    reader.skip();
  }
  return false;
}

// A parameter of a Via: ";received=192.0.2.1".
struct Parameter {
  std::string_view name;
  Place value;
};

std::optional<Parameter> take_parameter(std::string_view text, TextReader& reader) noexcept {
  reader.skip_space();
  if (!reader.take(';')) return std::nullopt;
  reader.skip_space();
  Parameter parameter;
  parameter.name = reader.take_while(is_token).of(text);
  reader.skip_space();
  if (!reader.take('=')) return parameter;
  reader.skip_space();
  if (reader.peek() == '"') {
    if (!skip_quoted(reader)) return std::nullopt;
  } else {
    parameter.value =
        reader.take_while([](char c) { return is_token(c) || c == ':' || c == '[' || c == ']'; });
  }
  return parameter;
}

// What the one before us added to our Via: where it saw the request come from, RFC 3581 section 4.
void rewrite_seen(std::string_view text, Place received, Place rport, End sent_by, Ends& ends,
                  TextEdits& edits) noexcept {
  TextReader address(text, received);
  TextReader port(text, rport);
  End seen = sent_by;
  if (received.length != 0) {
    const auto value = address.take_ipv4();
    if (!value || !address.at_end()) return;
    seen.address = *value;
  }
  if (rport.length != 0) {
    const auto value = port.take_number(65535);
    if (!value || !port.at_end()) return;
    seen.port = static_cast<std::uint16_t>(*value);
  }
  const auto other = ends.other_end(seen);
  if (!other) return;
  if (received.length != 0) edits.replace(received, ShortText().add(other->address));
  if (rport.length != 0) edits.replace(rport, ShortText().add(other->port));
}

// "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1". False: the rest is not understood.
bool rewrite_one_via(std::string_view text, TextReader& reader, bool answer, Ends& ends,
                     TextEdits& edits) noexcept {
  for (const std::string_view part : {"SIP", "/", "2.0", "/"}) {
    reader.skip_space();
    if (!reader.take(part)) return false;
  }
  reader.skip_space();
  reader.take_while(is_token);
  reader.skip_space();
  const auto sent_by = take_end(reader);
  if (sent_by) {
    if (const auto other = ends.other_end(sent_by->end)) replace_end(*sent_by, *other, edits);
  } else {
    reader.take_while([](char c) { return c != ';' && c != ','; });
  }
  Place received;
  Place rport;
  while (const auto parameter = take_parameter(text, reader)) {
    if (same_word(parameter->name, "received")) received = parameter->value;
    if (same_word(parameter->name, "rport")) rport = parameter->value;
  }
  if (answer && (received.length != 0 || (sent_by && rport.length != 0)))
    rewrite_seen(text, received, rport, sent_by ? sent_by->end : End{{}, kPort}, ends, edits);
  reader.skip_space();
  return reader.take(',');
}

}  // namespace

void rewrite_uri(std::string_view text, Place uri, Ask ask, Ends& ends, TextEdits& edits) noexcept {
  TextReader reader(text, uri);
  // All before an @ is a user, whatever it looks like.
  if (const std::size_t at = reader.find('@'); at != reader.end()) reader.skip_to(at + 1);
  const auto written = take_end(reader);
  if (!written) return;
  if (ask == Ask::kIdentity && !written->has_port) {
    if (const auto other = ends.other_address(written->end.address))
      edits.replace(written->place, ShortText().add(*other));
    return;
  }
  if (const auto other = ends.other_end(written->end)) replace_end(*written, *other, edits);
}

void rewrite_addresses(std::string_view text, Place value, Ask ask, Ends& ends, TextEdits& edits) noexcept {
  constexpr std::string_view kScheme = "sip:";
  TextReader reader(text, value);
  bool begins = true;  // a URI without brackets stands first
  while (!reader.at_end()) {
    const char c = reader.peek();
    if (c == '"') {
      if (!skip_quoted(reader)) return;
      begins = false;
    } else if (c == '<') {
      reader.skip();
      const std::size_t end = reader.find('>');
      if (end == reader.end()) return;
      if (reader.take(kScheme)) rewrite_uri(text, {reader.at(), end - reader.at()}, ask, ends, edits);
      reader.skip_to(end + 1);
      begins = false;
    } else if (begins && reader.take(kScheme)) {
      // Section 20: what follows these is the field's, not the URI's.
      const Place uri =
          reader.take_while([](char u) { return u != ';' && u != ',' && u != '?' && !is_space(u); });
      rewrite_uri(text, uri, ask, ends, edits);
      begins = false;
    } else {
      reader.skip();
      if (c == ',') begins = true;
      if (c != ',' && !is_space(c)) begins = false;
    }
  }
}

void rewrite_via(std::string_view text, Place value, bool answer, Ends& ends, TextEdits& edits) noexcept {
  TextReader reader(text, value);
  while (rewrite_one_via(text, reader, answer, ends, edits)) {
  }
}

}  // namespace millrace::nat::sip
