// SPDX-License-Identifier: BSD-3-Clause
// What comes on the socket of charon's plugin, record by record: two bytes of length, little-endian, then the
// record. Every record is taken twice, as it is and with the length in its header put right. What must hold:
// each has its answer, and nothing reaches the gateway before a hello.
#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "tests/fuzz/input.h"
#include "tests/support/ike_client.h"
#include "tests/support/recording_gateway.h"
#include "vnfs/vpn/ike_requests.h"

namespace {

using namespace millrace;
using fuzz::require;

void check(vpn::ike::Requests& requests, const test::RecordingGateway& gateway, Bytes record) {
  const bool greeted = requests.greeted();
  const std::size_t calls = gateway.calls.size();
  const auto reply = requests.take(record);
  require(!reply.messages.empty(), "a record has an answer");
  for (const auto& message : reply.messages) {
    const auto header = test::ike::answer(message).header;
    require(header.length == message.size() && message.size() <= MILLRACE_IKE_MOST_BYTES,
            "lengths are right");
    require(header.version == MILLRACE_IKE_VERSION, "the version is this one");
  }
  const auto answer = test::ike::answer(reply.messages[0]);
  require(answer.header.type == MILLRACE_IKE_ANSWER, "the answer comes first");
  require(answer.text.size() == answer.body.text_bytes, "the text is as long as it says");
  std::uint32_t serial = 0;
  if (record.size() >= sizeof(millrace_ike_header)) {
    std::memcpy(&serial, record.data() + offsetof(millrace_ike_header, serial), sizeof serial);
    require(answer.header.serial == serial, "the answer is to this record");
  }
  require(greeted || gateway.calls.size() == calls, "a hello comes first");
  require((answer.body.status == MILLRACE_IKE_OK) == answer.text.empty(), "what went wrong is said");
  if (reply.close) requests.disconnected();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  test::RecordingGateway gateway;
  vpn::ike::Requests requests(gateway);
  Reader reader(Bytes(data, size));
  while (const auto* const two = reader.read<std::uint8_t[2]>()) {
    const std::size_t length = std::min<std::size_t>((*two)[0] + 256U * (*two)[1], reader.left());
    // A copy of the exact size, so that a sanitizer sees the first byte read past the end.
    const auto copy = std::make_unique<std::uint8_t[]>(length);
    std::ranges::copy(reader.take(length), copy.get());
    check(requests, gateway, Bytes(copy.get(), length));
    if (length < sizeof(millrace_ike_header)) continue;
    const auto right = static_cast<std::uint32_t>(length);
    std::memcpy(copy.get() + offsetof(millrace_ike_header, length), &right, sizeof right);
    check(requests, gateway, Bytes(copy.get(), length));
    if (length % 7 == 3) {
      const vpn::AssociationKey key{.outbound = false, .spi = right, .remote = {}};
      requests.keep_expired(key, 7, (length & 8U) != 0);
      requests.keep_mapping(key, 7, {}, 4500);
    }
  }
  return 0;
}
