// SPDX-License-Identifier: BSD-3-Clause
// Lines of SSH and SMTP from bytes. What must hold: how the bytes are cut does not change what is found, and
// a first guess that is sure stays.
//
// The first byte: bit 0 is the server's side, bit 1 ends the stream, bit 2 has nobody read the server's
// replies, bit 3 a low limit for chunks that are joined. Then the cuts and the stream (stream_cuts.h).
#include "tests/fuzz/stream_cuts.h"
#include "tests/support/protocol_listener.h"
#include "vnfs/firewall/inspection/readers/speech.h"

namespace {

using namespace millrace;
using namespace millrace::firewall::inspection;
using namespace millrace::firewall::inspection::readers;
using fuzz::require;

template <class Listener, class SetUp>
void check_cuts(const fuzz::CutStream& stream, Side side, bool ended, SetUp set_up, const char* what) {
  Listener whole;
  set_up(whole);
  whole.hear(side, stream.text(), ended);
  Listener pieces;
  set_up(pieces);
  stream.for_each_piece([&](std::string_view so_far) { pieces.hear(side, so_far, false); });
  pieces.hear(side, stream.text(), ended);
  require(pieces == whole, what);
}

void check_guess(std::string_view stream, Side side) {
  const millrace::testing::StreamCopy copy(stream);
  SpeechGuess before;
  for (std::size_t length = 0; length <= std::min<std::size_t>(stream.size(), 600); ++length) {
    FirstBytes start{.client = {}, .server = {}, .server_port = 25};
    (side == Side::kClient ? start.client : start.server) = copy.bytes().first(length);
    const SpeechGuess now = guess_speech(start);
    require(!before.settled || (now.settled && now.speech == before.speech), "a guess stays");
    before = now;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 20000) return 0;
  fuzz::Input input(data, size);
  const std::uint8_t how = input.u8();
  const Side side = (how & 1U) != 0 ? Side::kServer : Side::kClient;
  const bool ended = (how & 2U) != 0;
  const fuzz::CutStream stream(input);
  check_cuts<millrace::testing::SshListener>(
      stream, side, ended, [](auto&) {}, "SSH is the same in pieces");
  check_cuts<millrace::testing::SmtpListener>(
      stream, side, ended,
      [&](millrace::testing::SmtpListener& listener) {
        if ((how & 4U) != 0) listener.exchange.lose_server();
        if ((how & 8U) != 0) listener.most_joined = 20;
      },
      "SMTP is the same in pieces");
  check_guess(stream.text(), side);
  return 0;
}
