// SPDX-License-Identifier: BSD-3-Clause
#include "common/acceleration/dpi/application_detector.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include <fmt/format.h>
#include <ndpi_api.h>

#include "common/acceleration/dpi/ndpi_library.h"
#include "common/acceleration/dpi/plain_packet.h"
#include "common/base/page_array.h"

namespace millrace::dpi {
namespace {

// Whole blocks that must be free when nDPI begins with a packet, so that nothing it does with one meets a
// lack of memory half way: a flow's share, and as much again for what the flow's share leaves in pieces.
constexpr std::uint32_t kReservedBlocks = 2;
constexpr std::size_t kMostFlowBytes = BlockArena::kLargest;
static_assert(kReservedBlocks * BlockArena::kLargest >= kMostFlowBytes);
// Packets after the protocol is known that may say which service it is.
constexpr std::uint8_t kMorePackets = 4;

ApplicationId id_of(std::uint16_t protocol) noexcept { return ApplicationId{protocol}; }

Application application_of(const ndpi_protocol& found) noexcept {
  if (found.master_protocol == NDPI_PROTOCOL_UNKNOWN || found.master_protocol == found.app_protocol)
    return {id_of(found.app_protocol), ApplicationId::kUnknown};
  if (found.app_protocol == NDPI_PROTOCOL_UNKNOWN)
    return {id_of(found.master_protocol), ApplicationId::kUnknown};
  return {id_of(found.master_protocol), id_of(found.app_protocol)};
}

// Protocols that carry services whose names may come in a later packet.
bool carries_services(ApplicationId protocol) noexcept {
  switch (static_cast<std::uint16_t>(protocol)) {
    case NDPI_PROTOCOL_TLS:
    case NDPI_PROTOCOL_DTLS:
    case NDPI_PROTOCOL_QUIC:
    case NDPI_PROTOCOL_HTTP:
    case NDPI_PROTOCOL_STUN:
      return true;
    default:
      return false;
  }
}

}  // namespace

struct ApplicationDetector::State {
  struct Flow {
    BlockArena::Holder held;
    Application found;
    Detection::State state;
    std::uint8_t protocol;
    std::uint8_t packets;  // that nDPI saw
    std::uint8_t packets_since_known;
    std::uint8_t ip_version;  // of the first one
    bool final;
    bool taken;
  };

  State(const DetectorLimits& wanted, ndpi::Module made);

  [[nodiscard]] Detection answer(Number flow) const noexcept;
  void process(Number flow, const DetectedPacket& packet) noexcept;
  void judge(Number flow, const ndpi_protocol& result) noexcept;
  void finish(Number flow, Detection::State state) noexcept;
  void guess(Number flow) noexcept;

  DetectorLimits limits;
  ndpi::Module module;
  BlockArena arena;
  PlainPacket plain;
  PageArray<ndpi_flow_struct> ndpi_flows;
  PageArray<Flow> flows;
  PageArray<Number> free;  // the first free_count of them
  std::uint32_t free_count;
  Counts counts;
};

ApplicationDetector::State::State(const DetectorLimits& wanted, ndpi::Module made)
    : limits(wanted),
      module(std::move(made)),
      arena(wanted.memory_bytes),
      ndpi_flows(wanted.flows),
      flows(wanted.flows),
      free(wanted.flows),
      free_count(wanted.flows) {
  for (Number i = 0; i < wanted.flows; ++i) free[i] = wanted.flows - 1 - i;
}

ApplicationDetector::ApplicationDetector(std::unique_ptr<State> state) : state_(std::move(state)) {}
ApplicationDetector::~ApplicationDetector() = default;

Result<std::unique_ptr<ApplicationDetector>> ApplicationDetector::make(const DetectorLimits& limits) {
  const std::string attempt = "prepare to name applications";
  constexpr std::size_t kLeast = (kReservedBlocks + 1) * BlockArena::kLargest;
  constexpr std::size_t kMost = std::size_t{64} << 30;
  if (limits.flows == 0 || limits.flows > 1U << 24)
    return failure(attempt, "1 to 16777216 flows can be looked at");
  if (limits.memory_bytes < kLeast || limits.memory_bytes > kMost)
    return failure(attempt, fmt::format("memory can be {} to {} bytes", kLeast, kMost));
  if (limits.flow_bytes > kMostFlowBytes)
    return failure(attempt, fmt::format("a flow can have {} bytes", kMostFlowBytes));
  if (limits.most_packets == 0 || limits.most_packets > NDPI_MAX_NUM_PKTS_PER_FLOW_TO_DISSECT)
    return failure(attempt,
                   fmt::format("1 to {} packets can be looked at", NDPI_MAX_NUM_PKTS_PER_FLOW_TO_DISSECT));
  auto module = ndpi::make_module();
  if (!module) return tl::unexpected(std::move(module.error()));
  auto state = std::make_unique<State>(limits, std::move(*module));
  return std::unique_ptr<ApplicationDetector>(new ApplicationDetector(std::move(state)));
}

ApplicationDetector::Number ApplicationDetector::take(std::uint8_t protocol) noexcept {
  State& s = *state_;
  if (s.free_count == 0) return kNone;
  const Number flow = s.free[--s.free_count];
  std::memset(&s.ndpi_flows[flow], 0, sizeof s.ndpi_flows[flow]);
  s.flows[flow] = {};
  s.flows[flow].held.number = flow;
  s.flows[flow].protocol = protocol;
  s.flows[flow].taken = true;
  return flow;
}

void ApplicationDetector::give_back(Number flow) noexcept {
  assert(flow < state_->flows.size() && state_->flows[flow].taken);
  state_->arena.give_back_all(state_->flows[flow].held);
  state_->flows[flow].taken = false;
  state_->free[state_->free_count++] = flow;
}

Detection ApplicationDetector::State::answer(Number flow) const noexcept {
  const Flow& of = flows[flow];
  const char* host = ndpi_flows[flow].host_server_name;
  constexpr std::size_t kRoom = sizeof(ndpi_flow_struct::host_server_name);
  return {of.state, of.final, of.found, std::string_view(host, strnlen(host, kRoom))};
}

Detection ApplicationDetector::look(Number flow, const DetectedPacket& packet) noexcept {
  assert(flow < state_->flows.size() && state_->flows[flow].taken);
  if (!state_->flows[flow].final) state_->process(flow, packet);
  return state_->answer(flow);
}

Detection ApplicationDetector::give_up(Number flow) noexcept {
  assert(flow < state_->flows.size() && state_->flows[flow].taken);
  if (!state_->flows[flow].final) state_->guess(flow);
  return state_->answer(flow);
}

void ApplicationDetector::State::process(Number flow, const DetectedPacket& packet) noexcept {
  Flow& of = flows[flow];
  const auto made = plain.make(packet.ip, packet.transport, of.protocol);
  if (made.bytes.empty() || (of.protocol == IPPROTO_TCP && made.says_nothing)) return;
  // nDPI's state of a flow is of one kind or the other.
  const std::uint8_t version = made.bytes[0] >> 4U;
  if (of.ip_version != 0 && of.ip_version != version) return;
  of.ip_version = version;
  if (arena.untouched() < kReservedBlocks) {
    counts.without_memory.add(1);
    guess(flow);
    return;
  }
  ndpi_flow_struct& state = ndpi_flows[flow];
  state.packet_direction = packet.from_responder ? 1 : 0;
  ndpi_protocol result;
  ndpi::forget_sessions(*module);
  {
    const ndpi::Binding binding(arena, of.held, limits.flow_bytes);
    result = ndpi_detection_process_packet(module.get(), &state, made.bytes.data(),
                                           static_cast<std::uint16_t>(made.bytes.size()), packet.tick_ms);
    counts.stray_pointers.add(binding.strays());
  }
  ++of.packets;
  if (of.held.refused != 0) counts.without_memory.add(1);
  judge(flow, result);
}

void ApplicationDetector::State::judge(Number flow, const ndpi_protocol& result) noexcept {
  Flow& of = flows[flow];
  const ndpi_flow_struct& state = ndpi_flows[flow];
  const Application found = application_of(result);
  const bool no_more = of.packets >= limits.most_packets || of.held.refused != 0;
  if (found.protocol == ApplicationId::kUnknown || state.confidence <= NDPI_CONFIDENCE_MATCH_BY_IP) {
    if (no_more || state.fail_with_unknown != 0) guess(flow);
    return;
  }
  of.found = found;
  of.state = Detection::State::kKnown;
  const bool all_said = found.service != ApplicationId::kUnknown || state.host_server_name[0] != '\0' ||
                        state.check_extra_packets == 0 || state.extra_packets_func == nullptr ||
                        !carries_services(found.protocol);
  if (all_said || no_more || of.packets_since_known++ == kMorePackets) finish(flow, Detection::State::kKnown);
}

void ApplicationDetector::State::guess(Number flow) noexcept {
  Flow& of = flows[flow];
  if (of.state == Detection::State::kKnown) return finish(flow, of.state);
  ndpi_flow_struct& state = ndpi_flows[flow];
  std::uint8_t guessed = 0;
  ndpi_protocol result;
  ndpi::forget_sessions(*module);
  {
    const ndpi::Binding binding(arena, of.held, limits.flow_bytes);
    result = ndpi_detection_giveup(module.get(), &state, 1, &guessed);
    counts.stray_pointers.add(binding.strays());
  }
  of.found = application_of(result);
  const bool known =
      of.found.protocol != ApplicationId::kUnknown && state.confidence > NDPI_CONFIDENCE_MATCH_BY_IP;
  finish(flow, known ? Detection::State::kKnown : Detection::State::kGivenUp);
}

// What nDPI holds for the flow is not asked for any more; the host's name is not among it. Its own function
// for that goes by fields that packets of several protocols may have written.
void ApplicationDetector::State::finish(Number flow, Detection::State state) noexcept {
  flows[flow].state = state;
  flows[flow].final = true;
  (state == Detection::State::kKnown ? counts.known : counts.given_up).add(1);
  arena.give_back_all(flows[flow].held);
}

const ApplicationDetector::Counts& ApplicationDetector::counts() const noexcept { return state_->counts; }

std::uint32_t ApplicationDetector::taken() const noexcept {
  return state_->limits.flows - state_->free_count;
}

std::size_t ApplicationDetector::held_bytes() const noexcept { return state_->arena.taken(); }

std::size_t ApplicationDetector::memory_bytes() const noexcept {
  return state_->arena.bytes() + state_->ndpi_flows.bytes() + state_->flows.bytes() + state_->free.bytes();
}

}  // namespace millrace::dpi
