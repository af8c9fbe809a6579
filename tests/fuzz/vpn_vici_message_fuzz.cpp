// SPDX-License-Identifier: BSD-3-Clause
// Packets as charon might send them: whatever is read can be written, and is then read as the same.
#include <boost/json.hpp>
#include <cstdlib>

#include "common/base/reader.h"
#include "vnfs/vpn/vici_message.h"

namespace {

namespace vici = millrace::vpn::vici;

constexpr std::size_t kTypeAndName = 2;  // of a packet whose name is empty

void check(bool good) {
  if (!good) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto packet = vici::read_packet({data, size});
  if (!packet) return 0;
  const auto message = vici::read_message(packet->message);
  if (!message) return 0;
  const auto written = vici::write_packet(vici::PacketType::kCommand, "", *message);
  check(written.has_value());
  const auto again = vici::read_message(millrace::Bytes(*written).subspan(vici::kLengthBytes + kTypeAndName));
  check(again && *again == *message);
  return 0;
}
