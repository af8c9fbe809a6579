// SPDX-License-Identifier: BSD-3-Clause
// How an application-level gateway (ALG) joins. Data path: no allocation, bounds always checked.
//
// An ALG is a function AlgVerdict read_x(const AlgContext&, PayloadEditor&), called by ApplyAlg
// (apply_alg.cpp, read_message()) for each packet with payload of a session that has a record of its kind, in
// both directions, TCP segments and UDP datagrams. The packet still has the addresses it arrived with. What a
// new ALG adds:
//
//   - its AlgKind, and its server port in alg_of() below: every session to or from that port gets a record;
//   - its fields in AlgRecord, plain data without indices of other records;
//   - its case in read_message(), the profile's name for it in compile_policy.cpp and in reports.cpp.
//
// editor.bytes() is the payload. replace_text() puts other bytes in the place of some, from front to back,
// and may make it longer or shorter; editor.overwrite() does not. Lengths, checksums and sequence numbers
// follow by themselves. For an address inside that the message names, open_pinhole() (pinhole.h) gives the
// outside end to write instead. context.counts() are the metrics.
//
// A TCP message may come again, whole or in other pieces. Segments come in order and without gaps; bytes that
// passed before say so by editor.place_of(): what was changed must be changed again in the same way
// (replace_text() sees to it), what passed unchanged must stay. A message that is not all there: kPartial,
// and TCP sends it again. UDP has none of this, and each datagram is new. Fragments, chains of buffers and
// urgent data pass unread.
#pragma once

#include <optional>

#include "vnfs/nat/binding_table.h"
#include "vnfs/nat/payload_editor.h"
#include "vnfs/nat/policy.h"
#include "vnfs/nat/pptp_message.h"

namespace millrace::nat {

struct AlgContext {
  BindingTable& bindings;
  const Policy& policy;
  SessionIndex session;
  AlgRecord& record;
  Direction direction;  // kForward: the inside host's message
  Tick now;

  [[nodiscard]] const Session& about() const noexcept { return bindings.session(session); }
  // Who opened the session, the client, is the inside host.
  [[nodiscard]] bool client_inside() const noexcept { return !about().has(Session::kInwardFirst); }
  [[nodiscard]] Endpoint inside() const noexcept { return about().tuple[0].source(); }
  [[nodiscard]] Endpoint outside() const noexcept { return about().outside(); }
  [[nodiscard]] Endpoint remote() const noexcept { return about().remote(); }
  [[nodiscard]] AlgRecords::Counts& counts() const noexcept { return bindings.algs().counts(record.kind); }
};

enum class AlgVerdict : std::uint8_t {
  kPass,     // as it is now
  kPartial,  // dropped: the rest of the message is missing
  kNoRoom,   // dropped: the buffer has no room for the longer message
  kChanged,  // dropped: it was written in another way when it passed before
};

// PayloadEditor::replace(), counted. Nothing when it was done; else what becomes of the packet.
[[nodiscard]] inline std::optional<AlgVerdict> replace_text(const AlgContext& context, PayloadEditor& editor,
                                                            std::size_t offset, std::size_t length,
                                                            Bytes text) noexcept {
  const bool again = editor.place_of(offset) == SequenceShift::Place::kChanged;
  switch (editor.replace(offset, length, text)) {
    case PayloadEditor::Result::kNoRoom:
      return AlgVerdict::kNoRoom;
    case PayloadEditor::Result::kChanged:
      return AlgVerdict::kChanged;
    case PayloadEditor::Result::kTooMany:
      context.counts().refused.add(1);
      return AlgVerdict::kPass;
    case PayloadEditor::Result::kDone:
      break;
  }
  if (!again) context.counts().rewritten.add(1);
  return std::nullopt;
}

// The ALG that reads the session's messages under the policy, by the server's port, as clients or the server
// itself see it.
[[nodiscard]] inline AlgKind alg_of(const Session& session, const Policy& policy) noexcept {
  constexpr std::uint16_t kFtpControl = 21;  // RFC 959 section 8
  constexpr std::uint16_t kSip = 5060;       // RFC 3261 section 19.1.2
  const auto port = [](Endpoint end) { return end.wire_port().host(); };
  const bool inward = session.has(Session::kInwardFirst);
  const std::uint16_t server = port(inward ? session.tuple[0].source() : session.remote());
  const std::uint16_t seen = port(inward ? session.outside() : session.remote());
  const auto is = [&](std::uint8_t protocol, std::uint16_t wanted, AlgKind kind) {
    return session.protocol() == protocol && (server == wanted || seen == wanted) && policy.algs.has(kind);
  };
  if (is(net::protocol::kTcp, kFtpControl, AlgKind::kFtp)) return AlgKind::kFtp;
  if (is(net::protocol::kTcp, pptp::kControlPort, AlgKind::kPptp)) return AlgKind::kPptp;
  if (is(net::protocol::kUdp, kSip, AlgKind::kSip) || is(net::protocol::kTcp, kSip, AlgKind::kSip))
    return AlgKind::kSip;
  return AlgKind::kNone;
}

// For a session that has just been opened. Without room it goes on without a record, and its messages as they
// are.
inline void attach_alg(BindingTable& bindings, SessionIndex session, const Policy& policy) noexcept {
  if (policy.algs.empty() || bindings.session(session).has(Session::kMixed)) return;
  const AlgKind kind = alg_of(bindings.session(session), policy);
  if (kind != AlgKind::kNone) bindings.attach_alg(session, kind);
}

}  // namespace millrace::nat
