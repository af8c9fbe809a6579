// SPDX-License-Identifier: BSD-3-Clause
// QUIC clients from bytes: datagrams as they are, and frames that are sealed into genuine packets first. What
// must hold: a hello is told once, and all memory is given back.
//
// Until the input runs out: a byte whose bit 0 seals what follows, bit 1 in version 2, bit 2 to another
// destination, bit 3 tells it and what follows together to be one datagram; two bytes for the length; as many
// bytes.
#include "tests/fuzz/input.h"
#include "tests/support/protocol_listener.h"
#include "tests/support/quic_packets.h"

namespace {

using namespace millrace;
using namespace millrace::firewall::inspection;
using namespace millrace::firewall::inspection::readers;
using fuzz::require;
using millrace::testing::QuicSealer;

const QuicSealer& sealer(unsigned which) {
  static const QuicSealer kSealers[] = {
      {kQuic1, "first id"}, {kQuic2, "first id"}, {kQuic1, "second"}, {kQuic2, "second"}};
  return kSealers[which & 3U];
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 16384) return 0;
  static millrace::testing::QuicListener listener;
  listener.reader = {};
  listener.told.clear();
  listener.anomalies = {};
  fuzz::Input input(data, size);
  std::string datagram;
  for (std::uint32_t number = 0; !input.empty() && number < 64; ++number) {
    const std::uint8_t how = input.u8();
    const auto bytes = input.bytes(input.u16() % 4096U);
    const std::string frames(bytes.begin(), bytes.end());
    datagram +=
        (how & 1U) != 0 ? sealer(how >> 1U).initial(frames, number, 1 + (how >> 4U & 3U), 100) : frames;
    if ((how & 8U) != 0) continue;
    listener.hear(datagram);
    datagram.clear();
  }
  require(listener.told.size() <= 1, "a hello is told once");
  require(listener.told.empty() || listener.progress == ReadProgress::kOver, "then it is over");
  listener.reader.end(listener.pool);
  require(listener.pool.bytes_in_use() == 0, "memory is given back");
  return 0;
}
