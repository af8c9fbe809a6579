// SPDX-License-Identifier: BSD-3-Clause
#include "tests/benchmark/load_balancer_bed.h"

#include <cstring>
#include <string>

namespace millrace::benchmark {
namespace {

using load_balancer::BackendSpec;
using load_balancer::Forwarding;
using load_balancer::ServiceSpec;

constexpr unsigned kFirstBackend = 100;  // its neighbour's number, and the last part of its address
constexpr std::uint16_t kServicePort = 80;
constexpr std::uint16_t kBackendPort = 8'080;  // where it may be another

net::IpAddress address(const std::string& text) { return *net::IpAddress::parse(text); }

// Whether the service's address stands in the packets that backends get.
bool keeps_addresses(Forwarding forwarding) {
  return forwarding != Forwarding::kNat && forwarding != Forwarding::kFullNat;
}

ServiceSpec make_service(const LoadBalancerBedConfig& config) {
  ServiceSpec service{.name = "web",
                      .address = address(config.ipv6 ? "2001:db8:80::80" : "198.18.0.80"),
                      .ports = {{net::protocol::kTcp, kServicePort, kServicePort}},
                      .forwarding = config.forwarding,
                      .timeouts = {},
                      .backends = {}};
  for (unsigned i = 0; i < config.backends; ++i) {
    service.backends.push_back(
        {.address =
             address((config.ipv6 ? "2001:db8:b::" : "192.168.0.") + std::to_string(kFirstBackend + i)),
         .port = keeps_addresses(config.forwarding) ? std::uint16_t{0} : kBackendPort});
  }
  return service;
}

std::shared_ptr<const core::Network> make_network(const ServiceSpec& service) {
  testing::NetworkBuilder builder = two_sides();
  builder.function("198.18.0.0/15", "inside").function("2001:db8:80::/64", "inside");
  for (unsigned i = 0; i < service.backends.size(); ++i) {
    const net::IpAddress& host = service.backends[i].address;
    builder.route(net::Prefix::of(host, host.bits()).to_string(), "outside",
                  testing::neighbor_mac(kFirstBackend + i).to_string());
  }
  return builder.build();
}

}  // namespace

LoadBalancerBed::Parts::Parts(const LoadBalancerBedConfig& config)
    : traffic({.flows = config.connections, .ipv6 = config.ipv6}, 0, 1),
      service(make_service(config)),
      backend_of(traffic.flows()),
      network(make_network(service)) {
  for (const BackendSpec& backend : service.backends) addresses.push_back(backend.address);
}

core::Snapshot LoadBalancerBed::Parts::next_snapshot() {
  auto next = load_balancer::compile_policy(
      {&service, 1}, {.roster = roster, .before = policy.get(), .generation = ++generation});
  if (!next) throw std::runtime_error(next.error().message());
  policy = *next;
  return {network, policy};
}

LoadBalancerBed::LoadBalancerBed(const LoadBalancerBedConfig& config)
    : LoadBalancerBed(config, std::make_unique<Parts>(config)) {}

LoadBalancerBed::LoadBalancerBed(const LoadBalancerBedConfig& config, std::unique_ptr<Parts> parts)
    : PipelineBed(
          1, parts->next_snapshot(),
          [&](const core::WorkerServices& services) {
            const unsigned records =
                config.records != 0 ? config.records : config.connections + config.spare_records;
            auto function = std::make_unique<load_balancer::LoadBalancerFunction>(records, services);
            parts->function = function.get();
            return function;
          },
          load_balancer::LoadBalancerFunction::kStageNames),
      parts_(std::move(parts)) {}

bool LoadBalancerBed::answers_come_by() const noexcept {
  return !keeps_addresses(parts_->service.forwarding);
}

void LoadBalancerBed::write_request(rte_mbuf* mbuf, unsigned flow, Step step, unsigned bytes) const noexcept {
  Flow seen = parts_->traffic.flow(flow);
  const net::IpAddress& to = parts_->service.address;
  if (to.is_v4()) {
    seen.server4 = to.v4().value.host();
  } else {
    seen.server6 = to.v6();
  }
  seen.server_port = kServicePort;
  parts_->traffic.write(mbuf, seen, step, bytes);
}

void LoadBalancerBed::write_answer(rte_mbuf* mbuf, unsigned flow, Step step, unsigned bytes) const noexcept {
  Flow seen = parts_->traffic.flow(flow);
  const net::IpAddress& from = parts_->addresses[parts_->backend_of[flow]];
  if (from.is_v4()) {
    seen.server4 = from.v4().value.host();
  } else {
    seen.server6 = from.v6();
  }
  seen.server_port = answers_come_by() ? kBackendPort : kServicePort;
  parts_->traffic.write(mbuf, seen, step, bytes);
}

// A router on the way to the client can not deliver what a backend has answered: the packet inside is the one
// that left here.
void LoadBalancerBed::write_error(rte_mbuf* mbuf, unsigned flow) const noexcept {
  constexpr unsigned kEthernet = sizeof(net::EthernetHeader);
  constexpr unsigned kInner = sizeof(net::Ipv4Header) + 8;
  constexpr unsigned kInnerAt = kEthernet + sizeof(net::Ipv4Header) + sizeof(net::IcmpHeader);
  std::array<std::uint8_t, kInner> inner;
  write_request(mbuf, flow, Step::kReply, 60);
  auto* bytes = rte_pktmbuf_mtod(mbuf, std::uint8_t*);
  std::memcpy(inner.data(), bytes + kEthernet, kInner);
  write_request(mbuf, flow, Step::kData, kInnerAt + kInner);
  auto& ip = *reinterpret_cast<net::Ipv4Header*>(bytes + kEthernet);
  ip.protocol = net::protocol::kIcmp;
  net::set_ipv4_checksum(ip);
  auto& icmp = *reinterpret_cast<net::IcmpHeader*>(bytes + kEthernet + sizeof ip);
  icmp = {};
  icmp.type = net::icmp::kUnreachable;
  icmp.code = net::icmp::kCodePortUnreachable;
  std::memcpy(bytes + kInnerAt, inner.data(), kInner);
  icmp.checksum = net::finish(net::sum_bytes(Bytes(bytes + kEthernet + sizeof ip, sizeof icmp + kInner)));
}

Cost LoadBalancerBed::send_and_note(Step step, unsigned first, unsigned count) {
  return send(
      0, count,
      [&](rte_mbuf* mbuf, unsigned i) {
        write_request(mbuf, first + i, step, 60);
        return 0U;
      },
      [&](unsigned at, unsigned window) {
        const unsigned noted = take_transmitted(0, 1, [&](unsigned i, const rte_mbuf& mbuf) {
          const auto& ethernet = *rte_pktmbuf_mtod(&mbuf, const net::EthernetHeader*);
          if (i < window) {
            parts_->backend_of[first + at + i] =
                static_cast<std::uint8_t>(ethernet.destination.bytes[5] - kFirstBackend);
          }
        });
        if (noted != window) throw std::runtime_error("a packet went to no backend");
      });
}

void LoadBalancerBed::establish() {
  constexpr unsigned kPortion = 4096;
  for (unsigned first = 0; first < flows(); first += kPortion) {
    const unsigned count = std::min(kPortion, flows() - first);
    send_and_note(Step::kSyn, first, count);
    if (answers_come_by()) {
      send(
          0, count,
          [&](rte_mbuf* mbuf, unsigned i) {
            write_answer(mbuf, first + i, Step::kSynAck, 60);
            return 1U;
          },
          [&](unsigned, unsigned) { drain(0); });
    }
    send_and_note(Step::kAck, first, count);
  }
}

void LoadBalancerBed::fill_window(unsigned worker, Size size) {
  fill(worker, kWindow, [&](rte_mbuf* mbuf, unsigned i) {
    const auto choice = static_cast<std::uint32_t>(parts_->random());
    const auto flow = static_cast<unsigned>(std::uint64_t{choice} * flows() >> 32);
    const unsigned bytes = frame_bytes(size, choice);
    if ((i & 1U) != 0 && answers_come_by()) {
      write_answer(mbuf, flow, Step::kReply, bytes);
      return 1U;
    }
    write_request(mbuf, flow, Step::kData, bytes);
    return 0U;
  });
}

unsigned LoadBalancerBed::write_any(rte_mbuf* mbuf, unsigned flow, std::uint32_t choice,
                                    unsigned bytes) const noexcept {
  const Step step = any_step(choice);
  if (!from_client(step)) {
    write_answer(mbuf, flow, step, bytes);
    return 1;
  }
  if (choice >> 28 == 0 && parts_->service.address.is_v4()) {
    write_error(mbuf, flow);
  } else {
    write_request(mbuf, flow, step, bytes);
  }
  return 0;
}

void LoadBalancerBed::change(const std::function<void(std::vector<BackendSpec>&)>& change) {
  change(parts_->service.backends);
  bed().publish(parts_->next_snapshot());
}

}  // namespace millrace::benchmark
