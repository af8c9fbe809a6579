// SPDX-License-Identifier: BSD-3-Clause
// SIP messages from bytes. What must hold: what is behind the messages stays as it is; what was rewritten is
// as many messages as before, and shows nothing any more that is to be rewritten; what is not understood
// opens nothing.
//
// The first byte: bit 0 lets it come in, bit 1 makes it a piece of a stream, bit 2 has no ports for media,
// bit 3 has ports for RTCP that are not the next, bit 4 has little room.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "tests/fuzz/input.h"
#include "vnfs/nat/sip_message.h"

namespace {

using namespace millrace;
using namespace millrace::nat;
using fuzz::require;

const net::Ipv4Address kInside = *net::Ipv4Address::parse("10.0.0.5");
const net::Ipv4Address kOutside = *net::Ipv4Address::parse("203.0.113.7");

class OneHost final : public sip::Ends {
 public:
  OneHost(sip::Way way, bool has_ports, bool pairs) : way_(way), has_ports_(has_ports), pairs_(pairs) {}

  std::optional<sip::End> other_end(sip::End end) noexcept override {
    const sip::End inside{kInside, 5060};
    const sip::End outside{kOutside, 40001};
    const bool outward = way_ == sip::Way::kOutward;
    if (end == (outward ? inside : outside)) return outward ? outside : inside;
    return std::nullopt;
  }
  std::optional<net::Ipv4Address> other_address(net::Ipv4Address address) noexcept override {
    const bool outward = way_ == sip::Way::kOutward;
    if (address == (outward ? kInside : kOutside)) return outward ? kOutside : kInside;
    return std::nullopt;
  }
  std::optional<sip::MediaPorts> open_media(net::Ipv4Address inside,
                                            sip::MediaPorts ports) noexcept override {
    require(way_ == sip::Way::kOutward, "media are opened outward only");
    require(inside == kInside && ports.rtp != 0, "only the host's media are opened");
    ++media;
    if (!has_ports_) return std::nullopt;
    return sip::MediaPorts{40002, static_cast<std::uint16_t>(pairs_ ? 40003 : 50000)};
  }
  void peer_media(net::Ipv4Address from, sip::MediaPorts ports) noexcept override {
    require(way_ == sip::Way::kInward, "a peer's media come with what comes in");
    require(from != net::Ipv4Address{} && ports.rtp != 0, "a peer's media have an address and a port");
    ++media;
  }

  unsigned media = 0;

 private:
  sip::Way way_;
  bool has_ports_;
  bool pairs_;
};

struct Passed {
  sip::State ending = sip::State::kNone;
  unsigned messages = 0;
  bool rewritten = false;
  bool room = true;
  std::size_t read = 0;
  std::size_t missing = 0;
  std::string text;
};

Passed pass(std::string_view text, sip::Carrier carrier, sip::Way way, std::size_t room, OneHost& host) {
  std::vector<char> out(room);
  Passed passed;
  std::size_t copied = 0;
  bool more = true;
  while (more) {
    const sip::Message message = sip::read_message(text, passed.read, carrier);
    require(message.begin >= passed.read && message.end >= message.begin && message.end <= text.size(),
            "no more is read than there is");
    const bool whole = message.state == sip::State::kWhole;
    passed.read = whole ? message.end : message.begin;
    passed.missing = message.missing;
    more = whole && carrier == sip::Carrier::kStream;
    if (!more) passed.ending = message.state;
    // A head alone opens nothing.
    if (message.state == sip::State::kIncomplete && message.missing != 0) {
      const unsigned before = host.media;
      const auto head = sip::rewrite_message(text, message, sip::Part::kHead, way, out, host);
      require(head.replaced.end() <= message.head.body && host.media == before, "a head alone opens nothing");
    }
    if (!whole) break;
    require(message.end > message.begin, "messages are not empty");
    ++passed.messages;
    const auto rewritten = sip::rewrite_message(text, message, sip::Part::kAll, way, out, host);
    require(rewritten.length <= out.size(), "no more is written than there is room for");
    passed.room = passed.room && rewritten.room;
    if (rewritten.replaced.length == 0) continue;
    require(rewritten.replaced.at == message.begin && rewritten.replaced.end() <= message.end,
            "what is replaced is of the message");
    passed.rewritten = true;
    passed.text += text.substr(copied, rewritten.replaced.at - copied);
    passed.text.append(out.data(), rewritten.length);
    copied = rewritten.replaced.end();
  }
  passed.text += text.substr(copied);
  return passed;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > 65536) return 0;
  const unsigned how = data[0];
  const std::size_t length = size - 1;
  // A copy of the exact size, so that a sanitizer sees the first byte read past the end.
  const auto copy = std::make_unique<char[]>(length);
  std::copy_n(data + 1, length, copy.get());
  const std::string_view text(copy.get(), length);
  const auto way = (how & 1U) != 0 ? sip::Way::kInward : sip::Way::kOutward;
  const auto carrier = (how & 2U) != 0 ? sip::Carrier::kStream : sip::Carrier::kDatagram;
  const std::size_t room = length + ((how & 16U) != 0 ? 3 : 64 * 24);
  OneHost host(way, (how & 4U) == 0, (how & 8U) == 0);
  const Passed once = pass(text, carrier, way, room, host);
  require(once.messages != 0 || host.media == 0, "without a message nothing is opened");
  require(once.messages != 0 || !once.rewritten, "only messages are rewritten");
  if (!once.rewritten || !once.room) return 0;
  require(std::string_view(once.text).ends_with(text.substr(once.read)), "what is behind the messages stays");
  // Longer messages may have become too long.
  if (once.text.size() > sip::kLongestHead) return 0;
  OneHost second(way, true, true);
  const Passed twice = pass(once.text, carrier, way, once.text.size() + 64 * 24, second);
  require(twice.messages == once.messages && twice.ending == once.ending, "they are messages still");
  require(twice.missing == once.missing, "what is missing is still missing");
  require(!twice.rewritten, "nothing is left to be rewritten");
  return 0;
}
