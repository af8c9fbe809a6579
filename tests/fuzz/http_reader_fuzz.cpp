// SPDX-License-Identifier: BSD-3-Clause
// Both directions of an HTTP/1 connection from bytes. What must hold: how the bytes are cut does not change
// what is found; views are of what they should be, nothing is told twice, and all that was taken is given
// back.
//
// The first byte: bit 0 ends the streams, bit 1 has a low limit for chunks that are joined, bit 2 has one
// state for unpacking and not two, bit 3 a low limit for what is unpacked. The second: how many cuts there
// are (0: one behind each byte); a byte for each tells how far it is from the one before. Two bytes are the
// client's length; the server has the rest.
#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/input.h"
#include "tests/support/http_listener.h"
#include "vnfs/firewall/inspection/guess_http.h"

namespace {

using namespace millrace;
using namespace millrace::firewall::inspection;
using fuzz::require;
using millrace::testing::HttpListener;

struct Settings {
  bool ended = false;
  bool few_joined = false;
  bool low_limit = false;
};

void set_up(HttpListener& listener, const Settings& settings) {
  if (settings.low_limit) listener.most_unpacked = 100;
  if (settings.few_joined) listener.most_joined = 20;
}

void check(const HttpListener& listener, Side side, std::string_view stream) {
  for (const millrace::testing::HttpMessage& message :
       (side == Side::kClient ? listener.client : listener.server).messages) {
    require(message.head.begin <= message.head.end && message.head.end <= stream.size(),
            "a head is in the stream");
    const auto start = message.parts.find(Buffer::kHttpStart);
    if (start != message.parts.end())
      require(start->second == stream.substr(message.head.begin, message.head.end - message.head.begin),
              "the head is what it is said to be");
    require(!message.ends || message.growing == 0, "what has ended does not grow");
  }
}

// A first guess that is sure stays.
void check_guess(std::string_view stream) {
  const auto guess = [&](std::size_t length) {
    return guess_http({reinterpret_cast<const std::uint8_t*>(stream.data()), length});
  };
  Guess before = Guess::kNotYet;
  for (std::size_t length = 0; length <= std::min<std::size_t>(stream.size(), 300); ++length) {
    const Guess now = guess(length);
    require(before == Guess::kNotYet || now == before, "a guess stays");
    before = now;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 16384) return 0;
  fuzz::Input input(data, size);
  const std::uint8_t how = input.u8();
  const Settings settings{
      .ended = (how & 1U) != 0, .few_joined = (how & 2U) != 0, .low_limit = (how & 8U) != 0};
  const std::uint16_t states = (how & 4U) != 0 ? 1 : 2;
  const auto cuts = input.bytes(input.u8() % 32U);
  const auto client = input.bytes(input.u16());
  const auto server = input.bytes(input.left());
  const std::string_view asked(reinterpret_cast<const char*>(client.data()), client.size());
  const std::string_view answered(reinterpret_cast<const char*>(server.data()), server.size());

  HttpListener whole(states);
  set_up(whole, settings);
  whole.hear(Side::kClient, asked, settings.ended);
  whole.hear(Side::kServer, answered, settings.ended);
  check(whole, Side::kClient, asked);
  check(whole, Side::kServer, answered);
  check_guess(asked);

  HttpListener pieces(states);
  set_up(pieces, settings);
  for (const Side side : {Side::kClient, Side::kServer}) {
    const std::string_view stream = side == Side::kClient ? asked : answered;
    std::vector<std::size_t> ends;
    std::size_t at = 0;
    for (std::size_t i = 0; cuts.empty() ? at < stream.size() && i < 2048 : i < cuts.size(); ++i) {
      at += cuts.empty() ? 1U : cuts[i] + 1U;
      if (at < stream.size()) ends.push_back(at);
    }
    pieces.hear_in_pieces(side, stream, ends, settings.ended);
  }
  require(pieces.client.messages == whole.client.messages, "a request is the same in pieces");
  require(pieces.server.messages == whole.server.messages, "an answer is the same in pieces");
  whole.end();
  pieces.end();
  require(whole.inflate.taken() == 0 && pieces.inflate.taken() == 0, "states are given back");
  return 0;
}
