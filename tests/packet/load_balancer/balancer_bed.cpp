// SPDX-License-Identifier: BSD-3-Clause
#include "tests/packet/load_balancer/balancer_bed.h"

#include <algorithm>
#include <boost/json.hpp>

#include "vnfs/load_balancer/explain_packet.h"

namespace millrace::testing {

using load_balancer::BackendSpec;
using load_balancer::ServiceSpec;

BackendSpec backend_at(std::string_view address, std::uint32_t weight, std::uint16_t port) {
  return {.address = *net::IpAddress::parse(address), .port = port, .weight = weight};
}

std::vector<BackendSpec> some_backends(unsigned count) {
  std::vector<BackendSpec> backends;
  for (unsigned i = 0; i < count; ++i) backends.push_back(backend_at("10.0.0." + std::to_string(11 + i)));
  return backends;
}

ServiceSpec web_service() {
  return {.name = "web",
          .address = *net::IpAddress::parse(kService),
          .ports = {{net::protocol::kTcp, 80, 80}, {net::protocol::kUdp, 80, 80}},
          .timeouts = {},
          .backends = some_backends(3)};
}

ServiceSpec web_service6() {
  ServiceSpec service = web_service();
  service.name = "web6";
  service.address = *net::IpAddress::parse(kService6);
  service.backends = {backend_at("2001:db8:10::11"), backend_at("2001:db8:10::12"),
                      backend_at("2001:db8:10::13")};
  return service;
}

ServiceSpec full_nat_service() {
  ServiceSpec service = web_service();
  service.forwarding = load_balancer::Forwarding::kFullNat;
  service.sources = {*net::IpAddress::parse(kSource)};
  return service;
}

ServiceSpec full_nat_service6() {
  ServiceSpec service = web_service6();
  service.forwarding = load_balancer::Forwarding::kFullNat;
  service.sources = {*net::IpAddress::parse(kSource6)};
  return service;
}

bool has_right_crc(const Seen& seen) {
  Frame sctp(seen.frame.begin() + 34, seen.frame.end());
  std::uint32_t told = 0;
  for (std::size_t i = 12; i-- > 8;) told = told << 8U | sctp.at(i);
  std::fill_n(sctp.begin() + 8, 4, std::uint8_t{0});
  std::uint32_t crc = 0xffffffff;
  for (const std::uint8_t byte : sctp) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1U ^ ((crc & 1U) != 0 ? 0x82f63b78U : 0U);
  }
  return told == ~crc;
}

std::shared_ptr<const core::Network> BalancerBed::network(core::PortId clients, core::PortId backends) const {
  NetworkBuilder builder;
  builder.interface(clients, "wan", {"198.51.100.2/24", "2001:db8:ff::2/64"})
      .function_errors()
      .interface(backends, "lan", {"10.0.0.1/24", "2001:db8:10::1/64"})
      .function_errors()
      .interface(backends, "narrow", {"10.99.0.1/24", "2001:db8:99::1/64"}, 9)
      .function_errors()
      .mtu(1280)
      .interface(backends, "ipv4", {"10.98.0.1/24"}, 10)
      .route("0.0.0.0/0", "wan", neighbor_mac(kWan).to_string())
      .route("::/0", "wan", neighbor_mac(kWan).to_string())
      .route("10.9.0.0/24", "narrow", neighbor_mac(kNarrow).to_string())
      .route("2001:db8:19::/64", "narrow", neighbor_mac(kNarrow).to_string())
      .route("2001:db8:18::/64", "ipv4", neighbor_mac(kIpv4Only).to_string())
      .function("203.0.113.0/24", "wan")
      .function("2001:db8:80::/64", "wan");
  for (unsigned k = 11; k < 20; ++k) {
    const std::string mac = neighbor_mac(kFirstBackend + k).to_string();
    for (const std::string& address : {"10.0.0." + std::to_string(k), "2001:db8:10::" + std::to_string(k)}) {
      const std::string host = address + (address.find(':') == std::string::npos ? "/32" : "/128");
      if (std::ranges::find(spec_.unresolved, address) != spec_.unresolved.end()) {
        builder.unresolved(host, "lan");
      } else {
        builder.route(host, "lan", mac);
      }
    }
  }
  return builder.build();
}

BalancerBed::BalancerBed(const BedVariant& variant, BalancerSpec spec, std::uint32_t connections)
    : variant_(variant), spec_(std::move(spec)), roster_(64, 256) {
  ensure_eal(64);
  if (spec_.sources == nullptr) spec_.sources = std::make_shared<load_balancer::SourceBook>();
  // The bed's ports get the numbers that follow those of the beds before it, so the network is made twice.
  bed_ = std::make_unique<Testbed>(
      TestbedConfig{.workers = variant.workers, .burst = variant.burst, .buffers = 4095, .ring_size = 1024},
      core::Snapshot{network(core::PortId(0), core::PortId(1)), nullptr},
      [&](const core::WorkerServices& services) {
        auto made = std::make_unique<load_balancer::LoadBalancerFunction>(connections, services);
        states_.push_back(&made->state());
        return made;
      });
  publish();
  for (const load_balancer::WorkerState* state : states_) now_ = std::max(now_, state->services.now);
  bed_->set_time(now_);
}

BalancerBed::~BalancerBed() {
  EXPECT_TRUE(bed_->is_conserved()) << "packets or their buffers are lost";
  bed_.reset();
}

void BalancerBed::publish() {
  auto policy = compile_policy(spec_.services, {.roster = roster_,
                                                .sources = spec_.sources.get(),
                                                .before = policy_.get(),
                                                .generation = ++generation_,
                                                .draining = spec_.draining,
                                                .table_size = spec_.table_size,
                                                .hash_seed = 0});
  ASSERT_TRUE(policy) << policy.error().message();
  policy_ = *policy;
  bed_->publish(snapshot());
}

core::Snapshot BalancerBed::snapshot() const {
  return {network(bed_->port(kClients), bed_->port(kBackends)), policy_};
}

std::vector<core::Worker*> BalancerBed::workers() {
  std::vector<core::Worker*> workers;
  for (unsigned i = 0; i < bed_->workers(); ++i) workers.push_back(&bed_->worker(i));
  return workers;
}

boost::json::object BalancerBed::explain(const boost::json::object& packet) {
  const load_balancer::PoolKeeper pools;
  auto explained = load_balancer::explain_packet(workers(), snapshot(), pools, packet);
  EXPECT_TRUE(explained) << explained.error().message();
  return explained ? std::move(*explained) : boost::json::object();
}

std::string BalancerBed::exported() {
  const auto next = load_balancer::export_connections(workers(), snapshot());
  std::string stream;
  for (;;) {
    const auto piece = next();
    EXPECT_TRUE(piece) << piece.error().message();
    if (!piece || piece->empty()) return stream;
    stream += *piece;
  }
}

Result<control::Appliance::Imported> BalancerBed::import(std::string_view stream) {
  return load_balancer::import_connections(workers(), snapshot(), stream);
}

void BalancerBed::change(const std::function<void(BalancerSpec&)>& change) {
  change(spec_);
  publish();
}

std::vector<Seen> BalancerBed::pass(unsigned port, const std::vector<PacketBuilder>& packets) {
  if (variant_.swap) publish();
  std::vector<Passing> frames;
  for (const PacketBuilder& packet : packets) frames.push_back({port, packet.bytes()});
  std::vector<Seen> seen;
  for (const Passing& left : pass_frames(frames)) seen.push_back(read_frame(left.port, left.frame));
  return seen;
}

std::vector<BalancerBed::Passing> BalancerBed::pass_frames(const std::vector<Passing>& frames) {
  for (const auto& [port, frame] : frames) bed_->receive(port, frame, turn_ % variant_.workers);
  ++turn_;
  bed_->run();
  std::vector<Passing> left;
  for (const unsigned out : {kClients, kBackends}) {
    for (Frame& frame : bed_->transmitted(out)) left.push_back({out, std::move(frame)});
  }
  to_host_ = static_cast<unsigned>(bed_->to_host_with_notes().size());
  return left;
}

void BalancerBed::collect(std::vector<Seen>& seen) {
  for (const unsigned out : {kClients, kBackends}) {
    for (const Frame& frame : bed_->transmitted(out)) seen.push_back(read_frame(out, frame));
  }
}

std::optional<Seen> BalancerBed::one(unsigned port, const PacketBuilder& packet) {
  auto seen = pass(port, {packet});
  EXPECT_EQ(seen.size(), 1U);
  if (seen.size() != 1) return std::nullopt;
  return std::move(seen.front());
}

std::optional<Seen> BalancerBed::told(unsigned port, const PacketBuilder& packet,
                                      load_balancer::Drop reason) {
  const std::uint64_t before = dropped(reason);
  auto answer = one(port, packet);
  EXPECT_EQ(dropped(reason), before + 1);
  if (answer) {
    EXPECT_EQ(answer->port, port);
  }
  return answer;
}

void BalancerBed::refused(unsigned port, const PacketBuilder& packet, load_balancer::Drop reason) {
  const std::uint64_t before = dropped(reason);
  EXPECT_EQ(pass(port, {packet}).size(), 0U);
  EXPECT_EQ(dropped(reason), before + 1);
}

void BalancerBed::wait(Tick milliseconds) {
  // Time passes in steps, as for a worker that polls.
  for (Tick left = milliseconds; left != 0;) {
    const Tick step = std::min<Tick>(left, std::max<Tick>(250, milliseconds / 200));
    now_ += step;
    left -= step;
    bed_->set_time(now_);
    bed_->run();
  }
}

std::vector<Seen> BalancerBed::arrived() {
  std::vector<Seen> seen;
  collect(seen);
  return seen;
}

std::vector<Seen> BalancerBed::neighbors_answer() {
  spec_.unresolved.clear();
  publish();
  bed_->give_back(true);
  bed_->run();
  std::vector<Seen> seen;
  collect(seen);
  return seen;
}

std::vector<Seen> BalancerBed::at_backends() {
  std::vector<Seen> seen;
  for (const Frame& frame : bed_->transmitted(kBackends)) seen.push_back(read_frame(kBackends, frame));
  return seen;
}

namespace {

PacketBuilder from(std::uint16_t interface, std::string_view source, std::string_view destination) {
  PacketBuilder packet;
  packet.ethernet(neighbor_mac(interface), interface_mac(interface));
  return source.find(':') == std::string_view::npos ? packet.ipv4(source, destination)
                                                    : packet.ipv6(source, destination);
}

}  // namespace

PacketBuilder BalancerBed::from_client(std::string_view source, std::string_view destination) {
  return from(kWan, source, destination);
}

PacketBuilder BalancerBed::from_backend(std::string_view source, std::string_view destination) {
  return from(kLan, source, destination);
}

std::uint64_t BalancerBed::connections() const {
  std::uint64_t sum = 0;
  for (const load_balancer::WorkerState* state : states_) sum += state->connections.open_now();
  return sum;
}

std::uint64_t BalancerBed::dropped(load_balancer::Drop reason) const {
  return bed_->dropped(static_cast<std::uint8_t>(reason));
}

}  // namespace millrace::testing
