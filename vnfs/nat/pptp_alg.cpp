// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/nat/pptp_alg.h"

#include <cstring>

namespace millrace::nat {
namespace {

using net::protocol::kGre;

void write_id(PayloadEditor& editor, std::size_t at, std::uint16_t id) noexcept {
  std::array<std::uint8_t, sizeof id> bytes{};
  std::memcpy(bytes.data(), &id, sizeof id);
  editor.overwrite(at, bytes);
}

// A server behind a forwarded port is called by the id it gives itself.
std::uint16_t outside_id(const AlgContext& context, std::uint16_t own) noexcept {
  const bool forwarded = context.bindings.mapping(context.about().mapping).has(Mapping::kStatic);
  return forwarded ? own : context.outside().port;
}

// Whether the id is that of the connection's one call, or becomes it.
bool claim(const AlgContext& context, std::uint16_t own) noexcept {
  PptpCall& call = context.record.pptp;
  if (call.over) call = {};
  if (call.known) return call.inside == own;
  call.inside = own;
  call.outside = outside_id(context, own);
  call.known = true;
  return true;
}

// The mapping of the call's tunnel, known or new.
MappingIndex tunnel_mapping(const AlgContext& context) noexcept {
  BindingTable& bindings = context.bindings;
  const PptpCall& call = context.record.pptp;
  const Mapping control = bindings.mapping(context.about().mapping);
  const Endpoint remote{context.remote().address, 0};
  const Endpoint outside{control.outside_address, call.outside};
  const MappingIndex known = bindings.find_mapping(control.subscriber, call.inside, kGre, remote);
  if (known != kNoIndex) return bindings.mapping(known).outside() == outside ? known : kNoIndex;
  return bindings
      .open_apart({.subscriber = control.subscriber,
                   .inside_port = call.inside,
                   .protocol = kGre,
                   .flags = Mapping::filtering_flags(Dependence::kAddressAndPort),
                   .remote = remote},
                  outside, control.domain, context.now)
      .mapping;
}

// The call was accepted: its tunnel may be used.
bool open_tunnel(const AlgContext& context) noexcept {
  BindingTable& bindings = context.bindings;
  const PptpCall& call = context.record.pptp;
  if (!call.known || !call.peer_known || call.over) return false;
  const Tuple outward = call.tunnel(context.about());
  if (bindings.find(outward).session != kNoIndex) return true;
  if (context.policy.draining) return false;
  const MappingIndex index = tunnel_mapping(context);
  if (index == kNoIndex) return false;
  const Mapping& mapping = bindings.mapping(index);
  const Tuple inward = Tuple::of({context.remote().address, 0}, mapping.outside(), kGre, mapping.domain);
  SessionIndex session = kNoIndex;
  if (bindings.find(inward).session == kNoIndex) {
    session = bindings.open_session({.mapping = index,
                                     .outward = outward,
                                     .inward = inward,
                                     .first = Direction::kForward,
                                     .generation = context.policy.generation},
                                    context.policy.timeouts, context.now);
  }
  if (session == kNoIndex) {
    bindings.close_unused(index, context.now);
    return false;
  }
  bindings.session(session).flags |= Session::kAlg;  // ApplyAlg gives its packets the inside host's id
  return true;
}

void end_call(const AlgContext& context) noexcept {
  PptpCall& call = context.record.pptp;
  if (!call.known || call.over) return;
  context.bindings.close_tunnel(context.about(), call, SessionEnd::kClosed, context.now);
  call.over = true;
}

// What the inside host says. False when it asks for what it does not get.
bool speak(const AlgContext& context, PayloadEditor& editor, std::size_t at,
           const pptp::Message& message) noexcept {
  const PptpCall& call = context.record.pptp;
  const std::uint16_t own = message.own.wire();
  if (message.own_at == 0) return true;
  if (message.begins && !claim(context, own)) return false;
  if (!call.known || call.inside != own) return true;
  if (call.outside != own) {
    write_id(editor, at + message.own_at, call.outside);
    context.counts().rewritten.add(1);
  }
  if (message.ends || message.refuses) end_call(context);
  return !message.accepts || open_tunnel(context);
}

// What it is told.
bool hear(const AlgContext& context, PayloadEditor& editor, std::size_t at,
          const pptp::Message& message) noexcept {
  PptpCall& call = context.record.pptp;
  const bool ours = call.known && message.peer_at != 0 && message.peer.wire() == call.outside;
  if (ours && call.outside != call.inside) {
    write_id(editor, at + message.peer_at, call.inside);
    context.counts().rewritten.add(1);
  }
  if (message.ends && call.peer_known && message.own.wire() == call.peer) end_call(context);
  if (!message.begins || message.own_at == 0 || (message.peer_at != 0 && !ours)) return true;
  if (!call.peer_known || call.over) {
    // Asked from outside, the inside host has yet to say its own id.
    if (call.over) call = {};
    call.peer = message.own.wire();
    call.peer_known = true;
  } else if (call.peer != message.own.wire()) {
    return false;
  }
  if (message.refuses) end_call(context);
  return !message.accepts || open_tunnel(context);
}

}  // namespace

AlgVerdict read_pptp(const AlgContext& context, PayloadEditor& editor) noexcept {
  // A host that has an address of its own outside has its tunnels too.
  const Endpoint inside{context.inside().address, 0};
  if (context.policy.statics.outside_of(inside, kGre, context.about().tuple[0].domain()))
    return AlgVerdict::kPass;
  for (std::size_t at = 0; at < editor.bytes().size();) {
    const pptp::Message message = pptp::read(editor.bytes().subspan(at));
    if (message.verdict == pptp::Verdict::kPartial && at == 0) return AlgVerdict::kPartial;
    if (message.verdict != pptp::Verdict::kMessage) break;
    const bool outward = context.direction == Direction::kForward;
    const bool served = outward ? speak(context, editor, at, message) : hear(context, editor, at, message);
    if (!served) context.counts().refused.add(1);
    at += message.length;
  }
  return AlgVerdict::kPass;
}

}  // namespace millrace::nat
