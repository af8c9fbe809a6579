// SPDX-License-Identifier: BSD-3-Clause
// What travels with an mbuf when it goes from one thread to another: a few bytes in the mbuf's dynamic field.
#pragma once

#include <cstdint>

#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>

#include "common/base/big_endian.h"
#include "common/base/result.h"
#include "common/core/ids.h"

namespace millrace::core {

struct Note {
  enum class Kind : std::uint8_t {
    kNone,
    kFragment,    // a fragment on its way to the flow's owner or released there, with what the first one told
    kDeliver,     // to the twin: for the appliance itself
    kResolve,     // to the twin: ask for the next hop's MAC address, then give the packet back
    kFrame,       // from the twin: an Ethernet frame to send by `interface`
    kResume,      // from the twin: a packet that waited for its neighbour, to be routed again
    kUnresolved,  // from the twin: one whose neighbour did not answer
    kRestart,     // to the owner of its new addresses: restart.h
    kInside,      // to its owner: a frame that was inside another packet, with the interface it came in by
  };
  Kind kind = Kind::kNone;
  std::uint8_t type_or_flags = 0;  // of the first fragment; of a packet that waits, its Origin
  std::uint8_t code = 0;
  std::uint8_t protocol = 0;
  be16 source_port{};
  be16 destination_port{};
  InterfaceId interface {};
  PortId port{};
  bool has_ports : 1 = false;
  bool rewritten : 1 = false;      // of a packet that waits, as are the next
  bool steered : 1 = false;        // steer.h
  bool from_host : 1 = false;      // of a packet that begins anew: Packet::from_host
  std::uint8_t tunnel_length = 0;  // Packet::tunnel_length
  std::uint16_t cut_to = 0;        // Packet::cut_to
  InterfaceId came_by{};           // Packet::ingress
  std::uint8_t outer_length = 0;   // Packet::outer_length: of a frame for the twin or for its owner
};
static_assert(sizeof(Note) == 20);

// Registers the field; once, after the EAL is up and before the first mbuf is used.
Result<void> register_note();

extern int note_offset;  // set by register_note(), constant afterwards

[[nodiscard]] inline Note& note(rte_mbuf* mbuf) noexcept {
  return *RTE_MBUF_DYNFIELD(mbuf, note_offset, Note*);
}

}  // namespace millrace::core
