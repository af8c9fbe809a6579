// SPDX-License-Identifier: BSD-3-Clause
// One direction of TLS from bytes. What must hold: how the bytes are cut does not change what is found, and
// all that was taken of the room is given back.
//
// The first byte: bit 0 is the server's side, bit 1 ends the stream. The second: how many cuts there are (0:
// one behind each byte); a byte for each tells how far it is from the one before. The stream is the rest.
#include "tests/fuzz/stream_cuts.h"
#include "tests/support/protocol_listener.h"

namespace {

using namespace millrace;
using namespace millrace::firewall::inspection;
using namespace millrace::firewall::inspection::readers;
using fuzz::require;
using millrace::testing::TlsListener;

// The room is the size of what serves any message: had a byte of it stayed taken, none would be left.
bool is_free(Room& room) {
  const bool all = !room.take(kTlsRoom).empty();
  if (all) room.give_back(kTlsRoom);
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 16384) return 0;
  fuzz::Input input(data, size);
  const std::uint8_t how = input.u8();
  const Side side = (how & 1U) != 0 ? Side::kServer : Side::kClient;
  const bool ended = (how & 2U) != 0;
  const fuzz::CutStream stream(input);

  TlsListener whole;
  whole.hear(side, stream.text(), ended);
  TlsListener pieces;
  stream.for_each_piece([&](std::string_view so_far) { pieces.hear(side, so_far, false); });
  pieces.hear(side, stream.text(), ended);
  require(pieces == whole, "TLS is the same in pieces");
  require(is_free(TlsListener::room()), "the room is given back");
  return 0;
}
