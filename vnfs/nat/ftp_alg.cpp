// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/ftp_alg.h"

#include <algorithm>

#include "vnfs/nat/ftp_message.h"
#include "vnfs/nat/pinhole.h"

namespace millrace::nat {
namespace {

using Place = SequenceShift::Place;

constexpr std::uint16_t kFirstUnprivileged = 1024;

// Whether the port may be opened: the host's own, and none of a service that a data connection never has.
bool is_own_port(const AlgContext& context, const ftp::Message& message) noexcept {
  const bool own = message.form == ftp::Form::kEpsv || message.address == context.inside().ipv4();
  return own && message.port.host() >= kFirstUnprivileged;
}

// The line that begins at `at`. `length` becomes that of what stands there then.
AlgVerdict rewrite_line(const AlgContext& context, PayloadEditor& editor, std::size_t at, std::size_t& length,
                        ftp::Sender sender) noexcept {
  const ftp::Message message = ftp::read_line(editor.bytes().subspan(at, length), sender);
  if (message.form == ftp::Form::kNone) return AlgVerdict::kPass;
  const Place place = editor.place_of(at + message.at);
  if (place == Place::kForgotten) return AlgVerdict::kChanged;
  if (place == Place::kPassed) return AlgVerdict::kPass;
  std::optional<Endpoint> outside;
  if (is_own_port(context, message)) {
    outside = open_pinhole(context, {.inside_port = message.port.wire(),
                                     .protocol = net::protocol::kTcp,
                                     .remote = {context.remote().address, 0}});
  }
  if (!outside) {
    if (place == Place::kChanged) return AlgVerdict::kChanged;
    context.counts().refused.add(1);
    return AlgVerdict::kPass;
  }
  ftp::Text text;
  const std::size_t written = ftp::write(text, message, outside->ipv4(), outside->wire_port());
  if (const auto refused =
          replace_text(context, editor, at + message.at, message.length, Bytes(text).first(written)))
    return *refused;
  length = length - message.length + written;
  return AlgVerdict::kPass;
}

}  // namespace

AlgVerdict read_ftp(const AlgContext& context, PayloadEditor& editor) noexcept {
  // What comes in names ports outside, which need nothing of us.
  if (context.direction != Direction::kForward) return AlgVerdict::kPass;
  const ftp::Sender sender = context.client_inside() ? ftp::Sender::kClient : ftp::Sender::kServer;
  // Bytes in the middle of a line are no command, whatever segment they begin.
  const bool continues = editor.place_of(0) == Place::kNew && context.record.mid_line;
  bool begins = !continues;
  for (std::size_t at = 0; at < editor.bytes().size();) {
    const Bytes rest = editor.bytes().subspan(at);
    const auto end = std::find(rest.begin(), rest.end(), std::uint8_t{'\n'});
    const bool whole = end != rest.end();
    std::size_t length = static_cast<std::size_t>(end - rest.begin()) + (whole ? 1 : 0);
    if (begins && !whole && at == 0 && ftp::may_become_message(rest, sender)) return AlgVerdict::kPartial;
    if (begins && whole) {
      const AlgVerdict verdict = rewrite_line(context, editor, at, length, sender);
      if (verdict != AlgVerdict::kPass) return verdict;
    }
    begins = true;
    at += length;
  }
  const Bytes bytes = editor.bytes();
  if (editor.place_of(bytes.size() - 1) == Place::kNew) context.record.mid_line = bytes.back() != '\n';
  return AlgVerdict::kPass;
}

}  // namespace millrace::nat
