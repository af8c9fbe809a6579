// SPDX-License-Identifier: BSD-3-Clause
// DNS from bytes, as one datagram and as a TCP stream. What must hold: how a stream is cut does not change
// what is found, its messages are read as datagrams are, and names are no longer than they may be.
//
// The first byte: bit 0 ends the stream. Then the cuts and the stream (stream_cuts.h).
#include "tests/fuzz/stream_cuts.h"
#include "tests/support/protocol_listener.h"
#include "tests/support/tls_bytes.h"
#include "vnfs/firewall/inspection/readers/speech.h"

namespace {

using namespace millrace;
using namespace millrace::firewall::inspection;
using namespace millrace::firewall::inspection::readers;
using fuzz::require;
using millrace::testing::DnsListener;

void check(const DnsListener& listener) {
  for (const millrace::testing::Told& one : listener.told) {
    for (const auto& [buffer, text] : one.parts) require(text.size() < kLongestDnsName, "a name is short");
    require(one.others.size() <= kMostDnsAddresses + 2, "addresses are bounded");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 16384) return 0;
  fuzz::Input input(data, size);
  const bool ended = (input.u8() & 1U) != 0;
  const fuzz::CutStream stream(input);

  DnsListener whole;
  whole.hear(stream.text(), ended);
  check(whole);
  DnsListener pieces;
  stream.for_each_piece([&](std::string_view so_far) { pieces.hear(so_far, false); });
  pieces.hear(stream.text(), ended);
  require(pieces == whole, "DNS is the same in pieces");

  DnsListener datagram;
  datagram.hear_datagram(stream.text());
  check(datagram);
  DnsListener counted;
  counted.hear(millrace::testing::counted(stream.text(), 2), false);
  require(counted == datagram, "a message is the same over UDP and TCP");
  const millrace::testing::StreamCopy copy(stream.text());
  static_cast<void>(is_dns(copy.bytes(), 9999));
  return 0;
}
