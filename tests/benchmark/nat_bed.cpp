// SPDX-License-Identifier: BSD-3-Clause
#include "tests/benchmark/nat_bed.h"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace millrace::benchmark {
namespace {

constexpr unsigned kFirstOutside = 0xc6120001;  // 198.18.0.1
constexpr unsigned kRunsOfAddress = (65'536 - 1'024) / nat::OutsideAddress::kRunPorts;

std::shared_ptr<const nat::Policy> make_policy(nat::AddressBook& book, const NatBedConfig& config,
                                               std::uint16_t generation) {
  auto policy = std::make_shared<nat::Policy>();
  policy->generation = generation;
  policy->logged = {.blocks = !config.log_sessions,
                    .sessions = config.log_sessions,
                    .destinations = false,
                    .refusals = true};
  policy->roles = {nat::Role::kInside, nat::Role::kOutside};
  policy->outside_of = {core::InterfaceId(1)};
  nat::Pool pool;
  // A host has a run of 64 ports; some addresses are left over, as hosts choose theirs by chance.
  const unsigned hosts = config.bindings / NatBed::kPortsPerHost + 1;
  const unsigned addresses = hosts / kRunsOfAddress * 9 / 8 + 3;
  for (unsigned i = 0; i < addresses; ++i) {
    const auto address = book.get(net::Ipv4Address{be32(kFirstOutside + i)}, 0);
    if (!address) throw std::runtime_error(address.error().message());
    pool.addresses.push_back(*address);
  }
  pool.block_runs = config.blocks ? 1 : 0;
  pool.blocks_per_subscriber = 1;
  policy->pools.push_back(std::move(pool));
  policy->rules.push_back(nat::Rule{.pool = 0});
  policy->settle();
  return policy;
}

}  // namespace

NatBed::NatBed(const NatBedConfig& config)
    : NatBed(config, std::make_unique<Parts>(TrafficConfig{
                         .flows = config.bindings, .udp = config.udp, .flows_per_client = kPortsPerHost})) {}

NatBed::NatBed(const NatBedConfig& config, std::unique_ptr<Parts> parts)
    : PipelineBed(
          1,
          [&] {
            parts->network = two_sides().function("198.18.0.0/15", "outside").build();
            return core::Snapshot{parts->network, make_policy(parts->book, config, ++parts->generation)};
          }(),
          [&](const core::WorkerServices& services) {
            auto function = std::make_unique<nat::NatFunction>(
                nat::BindingTable::Limits{.sessions = config.bindings + config.spare_sessions,
                                          .subscribers = config.bindings / kPortsPerHost + 64},
                parts->book, services);
            parts->function = function.get();
            return function;
          },
          nat::NatFunction::kStageNames),
      config_(config),
      parts_(std::move(parts)) {}

// From the server to the outside end that the flow's packets show there.
void NatBed::write_reply(rte_mbuf* mbuf, unsigned flow, Step step, unsigned bytes) const noexcept {
  Flow seen = parts_->traffic.flow(flow);
  const nat::Endpoint outside = parts_->outside[flow];
  seen.client4 = outside.ipv4().value.host();
  seen.client_port = outside.wire_port().host();
  parts_->traffic.write(mbuf, seen, step, bytes);
}

// What was transmitted shows the outside ends, in the order of the flows.
void NatBed::note_outside(unsigned first, unsigned count) {
  const unsigned noted = take_transmitted(0, 1, [&](unsigned i, const rte_mbuf& mbuf) {
    if (i >= count) return;
    const auto* ip = rte_pktmbuf_mtod_offset(&mbuf, const net::Ipv4Header*, sizeof(net::EthernetHeader));
    const auto* ports = reinterpret_cast<const net::UdpHeader*>(ip + 1);
    parts_->outside[first + i] = nat::Endpoint::of(ip->source, ports->source_port);
  });
  if (noted != count) throw std::runtime_error("a binding was not made");
}

Cost NatBed::open(unsigned first, unsigned count) {
  return send(
      0, count,
      [&](rte_mbuf* mbuf, unsigned i) {
        parts_->traffic.write(mbuf, parts_->traffic.flow(first + i), Step::kSyn, 60);
        return 0U;
      },
      [&](unsigned at, unsigned window) {
        note_outside(first + at, window);
        take_events();
      });
}

void NatBed::establish() {
  constexpr unsigned kPortion = 4096;
  for (unsigned first = 0; first < flows(); first += kPortion) {
    const unsigned count = std::min(kPortion, flows() - first);
    open(first, count);
    send(
        0, count,
        [&](rte_mbuf* mbuf, unsigned i) {
          write_reply(mbuf, first + i, Step::kSynAck, 60);
          return 1U;
        },
        [&](unsigned, unsigned) { drain(0); });
  }
}

void NatBed::fill_window(unsigned worker, Size size) {
  fill(worker, kWindow, [&](rte_mbuf* mbuf, unsigned i) {
    const auto choice = static_cast<std::uint32_t>(parts_->random());
    const auto flow = static_cast<unsigned>(std::uint64_t{choice} * flows() >> 32);
    const unsigned bytes = frame_bytes(size, choice);
    if ((i & 1U) != 0) {
      write_reply(mbuf, flow, Step::kReply, bytes);
      return 1U;
    }
    parts_->traffic.write(mbuf, parts_->traffic.flow(flow), Step::kData, bytes);
    return 0U;
  });
}

unsigned NatBed::write_any(rte_mbuf* mbuf, unsigned flow, std::uint32_t choice,
                           unsigned bytes) const noexcept {
  const Step step = any_step(choice);
  if (from_client(step)) {
    // Hosts beyond those of the flows have no binding yet, and there is not room for all.
    Flow seen = parts_->traffic.flow(flow);
    if (choice >> 30 == 0) seen.client4 += 0x40000;
    parts_->traffic.write(mbuf, seen, step, bytes);
    return 0;
  }
  write_reply(mbuf, flow, step, bytes);
  return 1;
}

void NatBed::renew_policy() {
  bed().publish({parts_->network, make_policy(parts_->book, config_, ++parts_->generation)});
}

void NatBed::take_events() {
  std::array<nat::NatEvent, 256> events;
  auto& ring = parts_->function->state().events.events();
  for (std::size_t taken = 1; taken != 0; events_taken_ += taken) taken = ring.pop(events);
}

}  // namespace millrace::benchmark
