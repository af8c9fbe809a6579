// SPDX-License-Identifier: BSD-3-Clause
// Packets of a few flows from bytes. What must hold: nDPI gets its memory back to us, all of it, and frees
// nothing that it did not get; what was known stays known.
//
// The first byte is how much memory a flow has, in KiB. Then packets: a byte that says which flow (2 bits),
// its protocol at its beginning (2 bits), the version of IP, the direction, whether there are options,
// whether the flow begins anew; two ports at a flow's beginning; a length; so many bytes.
#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "common/acceleration/dpi/application_detector.h"
#include "tests/fuzz/input.h"
#include "tests/support/application_packets.h"

namespace {

using namespace millrace;
using dpi::ApplicationDetector;
using fuzz::require;

struct Flow {
  ApplicationDetector::Number number = ApplicationDetector::kNone;
  millrace::testing::IpShape shape;
  std::array<std::uint32_t, 2> sequences{1000, 9000};
  dpi::Detection last{};
};

ApplicationDetector& detector_with(std::uint32_t flow_bytes) {
  static std::array<std::unique_ptr<ApplicationDetector>, 4> made;
  static constexpr std::array<std::uint32_t, 4> kBytes{65536, 16384, 4096, 1024};
  auto& one = made[flow_bytes % made.size()];
  if (one == nullptr) {
    auto result = ApplicationDetector::make({.flows = 4,
                                             .memory_bytes = 512 << 10,
                                             .flow_bytes = kBytes[flow_bytes % made.size()],
                                             .most_packets = 32});
    require(result.has_value(), "a detector can be made");
    one = std::move(*result);
  }
  return *one;
}

void begin(ApplicationDetector& detector, Flow& flow, unsigned how, fuzz::Input& input) {
  constexpr std::array<std::uint8_t, 4> kProtocols{6, 17, 6, 1};
  if (flow.number != ApplicationDetector::kNone) detector.give_back(flow.number);
  flow = {};
  flow.shape.protocol = kProtocols[how >> 2U & 3U];
  flow.shape.version = (how & 16U) != 0 ? 6 : 4;
  flow.shape.option_bytes = (how & 64U) != 0 ? 8 : 0;
  flow.shape.source_port = input.u16();
  flow.shape.destination_port = input.u16();
  flow.number = detector.take(flow.shape.protocol);
  require(flow.number != ApplicationDetector::kNone, "there are as many flows as there were");
}

void look(ApplicationDetector& detector, Flow& flow, bool responder, Bytes payload) {
  millrace::testing::IpShape shape = flow.shape;
  if (responder) std::swap(shape.source_port, shape.destination_port);
  auto& sequence = flow.sequences[responder ? 1 : 0];
  shape.sequence = sequence;
  sequence += static_cast<std::uint32_t>(payload.size());
  const auto packet = millrace::testing::ip_packet(shape, payload);
  const auto found = detector.look(flow.number, {.ip = packet,
                                                 .transport = millrace::testing::transport_of(shape),
                                                 .tick_ms = 1000,
                                                 .from_responder = responder});
  require(found.host.size() < 80, "a host's name ends");
  if (flow.last.final) require(found.final && found.found == flow.last.found, "what is final stays");
  if (flow.last.state == dpi::Detection::State::kKnown)
    require(found.state == dpi::Detection::State::kKnown, "what is known stays known");
  flow.last = found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  ApplicationDetector& detector = detector_with(input.u8());
  const auto strays = detector.counts().stray_pointers.read();
  std::array<Flow, 4> flows;
  while (!input.empty()) {
    const unsigned how = input.u8();
    Flow& flow = flows[how & 3U];
    if (flow.number == ApplicationDetector::kNone || (how & 128U) != 0) begin(detector, flow, how, input);
    const std::size_t length = input.u16() % 2048;
    look(detector, flow, (how & 32U) != 0, input.bytes(length));
  }
  for (const Flow& flow : flows)
    if (flow.number != ApplicationDetector::kNone) detector.give_back(flow.number);
  require(detector.held_bytes() == 0, "all memory is given back");
  require(detector.counts().stray_pointers.read() == strays, "only what was taken is given back");
  return 0;
}
