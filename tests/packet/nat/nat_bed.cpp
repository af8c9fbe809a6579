// SPDX-License-Identifier: BSD-3-Clause
#include "tests/packet/nat/nat_bed.h"

#include <algorithm>
#include <boost/json.hpp>
#include <ostream>

#include "common/control/members.h"
#include "vnfs/nat/explain_packet.h"
#include "vnfs/nat/reports.h"
#include "vnfs/nat/transfer_bindings.h"

namespace millrace::testing {

nat::StaticMapping static_mapping(std::string_view inside, std::string_view outside) {
  nat::StaticMapping mapping;
  mapping.inside = net::Ipv4Address::parse(inside)->value.host();
  mapping.outside = net::Ipv4Address::parse(outside)->value.host();
  return mapping;
}

NatBed::NatBed(const NatVariant& variant, NatSpec spec, nat::BindingTable::Limits limits)
    : variant_(variant), spec_(std::move(spec)), book_(std::make_unique<nat::AddressBook>()) {
  ensure_eal(64);
  // The bed's ports get the numbers that follow those of the beds before it, so the network is made twice.
  const std::uint16_t port = spec_.port_control ? nat::pcp::kServerPort : 0;
  const auto build = [port](core::PortId inside, core::PortId outside, bool knows_neighbor = true) {
    NetworkBuilder builder;
    builder.interface(inside, "lan", {"10.0.0.1/16", "2001:db8:1::1/64"})
        .function_port(port)
        .interface(outside, "wan", {"198.51.100.2/24", "2001:db8:ff::2/64"})
        .interface(inside, "tenant", {"10.0.0.1/16", "2001:db8:7::1/64"}, 7, 0, 1)
        .function_routes()
        .function_port(port)
        .interface(outside, "narrow", {"10.99.0.1/24"}, 9)
        .mtu(1280);
    builder.route("10.0.0.0/16", "lan", neighbor_mac(kLan).to_string())
        .route("2001:db8:1::/64", "lan", neighbor_mac(kLan).to_string())
        .route("10.0.0.0/16", "tenant", neighbor_mac(kTenant).to_string())
        .route("0.0.0.0/0", "wan", neighbor_mac(kWan).to_string())
        .route("192.0.2.0/24", "narrow", neighbor_mac(kNarrow).to_string())
        .route("2001:db8:1::/64", "lan", neighbor_mac(kLan).to_string())
        .route("fd01:203:405::/48", "lan", neighbor_mac(kLan).to_string())
        .route("fd01:203:405::/48", "tenant", neighbor_mac(kTenant).to_string())
        .route("2001:db8:1::99/128", "lan", neighbor_mac(kLan).to_string())
        .route("::/0", "wan", neighbor_mac(kWan).to_string())
        .route("2001:db8:9::/48", "narrow", neighbor_mac(kNarrow).to_string())
        .blackhole("198.18.0.0/15")
        .function("64:ff9b::/96", "lan")
        .function("2001:db8:64::/96", "lan")
        .function("2001:db8:2::/47", "wan")
        .function("203.0.113.0/28", "wan");
    if (!knows_neighbor) builder.unresolved("2001:db8:1::99/128", "lan");
    return builder.build();
  };
  network_ = build(core::PortId(0), core::PortId(1));
  bed_ = std::make_unique<Testbed>(
      TestbedConfig{.workers = variant.workers, .burst = variant.burst, .buffers = 4095, .ring_size = 1024},
      core::Snapshot{network_, nullptr}, [&](const core::WorkerServices& services) {
        auto made = std::make_unique<nat::NatFunction>(limits, *book_, services, spec_.events);
        states_.push_back(&made->state());
        return made;
      });
  network_ = build(bed_->port(kInside), bed_->port(kOutside));
  network_before_answer_ = build(bed_->port(kInside), bed_->port(kOutside), false);
  publish();
  for (const nat::WorkerState* state : states_) now_ = std::max(now_, state->services.now);
  bed_->set_time(now_);
}

NatBed::~NatBed() {
  EXPECT_TRUE(is_conserved()) << "packets or their buffers are lost";
  bed_.reset();
}

core::Snapshot NatBed::snapshot() {
  auto policy = std::make_shared<nat::Policy>();
  policy->generation = ++generation_;
  policy->draining = spec_.draining;
  policy->hairpin = spec_.hairpin;
  policy->timeouts = spec_.timeouts;
  policy->algs = spec_.algs;
  policy->logged = spec_.logged;
  policy->port_control = spec_.port_control;
  policy->roles = {nat::Role::kInside, nat::Role::kOutside, nat::Role::kInside, nat::Role::kOutside};
  policy->outside_of = {core::InterfaceId(kWan), core::InterfaceId::none()};
  policy->rules = spec_.rules;
  policy->statics = nat::StaticMap(spec_.statics);
  for (const PoolSpec& from : spec_.pools) {
    nat::Pool pool;
    pool.name = "public";
    for (const std::string& text : from.addresses)
      pool.addresses.push_back(*book_->get(*net::Ipv4Address::parse(text), 0));
    pool.first_port = from.first_port;
    pool.last_port = from.last_port;
    pool.block_runs = static_cast<std::uint16_t>(from.block / nat::OutsideAddress::kRunPorts);
    pool.blocks_per_subscriber = from.blocks_per_subscriber;
    pool.paired = from.paired;
    pool.ports_per_subscriber = from.ports_per_subscriber;
    pool.sessions_per_subscriber = from.sessions_per_subscriber;
    pool.quarantine = from.quarantine;
    pool.arithmetic = from.arithmetic;
    policy->pools.push_back(std::move(pool));
  }
  policy->settle();
  if (spec_.nat64) {
    nat::Rule rule;
    rule.pool = 0;
    rule.filtering = spec_.nat64_filtering;
    policy->nat64 = nat::Nat64{.prefix = *net::TranslationPrefix::of(*net::Prefix::parse(*spec_.nat64)),
                               .rule = std::move(rule),
                               .lowest_ipv6_mtu = spec_.lowest_ipv6_mtu};
  }
  std::vector<nat::MappedNetwork> networks;
  for (const PrefixSpec& from : spec_.prefixes) {
    const auto inside = *net::Prefix::parse(from.inside);
    const auto outside = *net::Prefix::parse(from.outside);
    networks.push_back({inside, outside, *net::PrefixMap::of(inside, outside), core::DomainId(from.domain)});
  }
  policy->mapped_networks = nat::MappedNetworks(std::move(networks), core::DomainId(0));
  return {spec_.knows_neighbor ? network_ : network_before_answer_, std::move(policy)};
}

std::vector<std::pair<unsigned, Frame>> NatBed::pass_frame(unsigned port, const Frame& frame) {
  bed_->receive(port, frame, turn_++ % variant_.workers);
  bed_->run();
  std::vector<std::pair<unsigned, Frame>> left;
  for (const unsigned out : {kInside, kOutside}) {
    for (Frame& sent : bed_->transmitted(out)) left.emplace_back(out, std::move(sent));
  }
  static_cast<void>(bed_->to_host());
  return left;
}

std::vector<Seen> NatBed::pass(unsigned port, const std::vector<PacketBuilder>& packets, Marks marks) {
  if (variant_.swap) publish();
  for (const PacketBuilder& packet : packets)
    bed_->receive(port, packet.bytes(), turn_ % variant_.workers, marks);
  ++turn_;
  bed_->run();
  std::vector<Seen> seen;
  collect(seen);
  host_.clear();
  for (auto& sent : bed_->to_host_with_notes()) host_.push_back(std::move(sent.bytes));
  return seen;
}

void NatBed::collect(std::vector<Seen>& seen) {
  for (const unsigned out : {kInside, kOutside}) {
    for (const Frame& frame : bed_->transmitted(out)) seen.push_back(read_frame(out, frame));
  }
}

std::optional<Seen> NatBed::one(unsigned port, const PacketBuilder& packet) {
  auto seen = pass(port, {packet});
  EXPECT_EQ(seen.size(), 1U);
  if (seen.size() != 1) return std::nullopt;
  return std::move(seen.front());
}

std::optional<Seen> NatBed::told(unsigned port, const PacketBuilder& packet, nat::Drop reason) {
  const std::uint64_t before = dropped(reason);
  auto answer = one(port, packet);
  EXPECT_EQ(dropped(reason), before + 1);
  if (answer) {
    EXPECT_EQ(answer->port, port);
  }
  return answer;
}

void NatBed::refused(unsigned port, const PacketBuilder& packet, nat::Drop reason) {
  refused(port, packet, static_cast<core::Drop>(reason));
}

void NatBed::refused(unsigned port, const PacketBuilder& packet, core::Drop reason) {
  const std::uint64_t before = bed_->dropped(static_cast<std::uint8_t>(reason));
  const std::uint64_t all = bed_->dropped_in_all();
  const auto seen = pass(port, {packet});
  EXPECT_EQ(bed_->dropped(static_cast<std::uint8_t>(reason)), before + 1) << "reason " << int(reason);
  EXPECT_EQ(bed_->dropped_in_all(), all + 1);
  EXPECT_TRUE(seen.empty()) << seen.front().ends();
}

std::vector<Seen> NatBed::wait(Tick milliseconds) {
  std::vector<Seen> seen;
  // Time passes in steps, as for a worker that polls: timers of a long pause come due in their order.
  for (Tick left = milliseconds; left != 0;) {
    const Tick step = std::min<Tick>(left, std::max<Tick>(250, milliseconds / 200));
    now_ += step;
    left -= step;
    bed_->set_time(now_);
    bed_->run();
    collect(seen);
  }
  return seen;
}

void NatBed::change(const std::function<void(NatSpec&)>& change) {
  change(spec_);
  publish();
}

std::vector<core::Worker*> NatBed::workers() {
  std::vector<core::Worker*> workers;
  for (unsigned i = 0; i < bed_->workers(); ++i) workers.push_back(&bed_->worker(i));
  return workers;
}

boost::json::value NatBed::report(std::string_view what, std::string_view query) {
  control::Members members(boost::json::parse(query).as_object());
  const auto answer = nat::report(workers(), snapshot(), what, members);
  EXPECT_TRUE(answer);
  if (const auto right = members.finish(); !right) return boost::json::string(right.error().message());
  return answer.value_or(nullptr);
}

boost::json::object NatBed::explain(const boost::json::object& packet) {
  auto explained = nat::explain_packet(workers(), snapshot(), packet);
  EXPECT_TRUE(explained) << explained.error().message();
  return explained ? std::move(*explained) : boost::json::object();
}

std::string NatBed::exported() {
  const auto next = nat::export_bindings(workers(), snapshot());
  std::string stream;
  for (;;) {
    const auto piece = next();
    EXPECT_TRUE(piece) << piece.error().message();
    if (!piece || piece->empty()) return stream;
    stream += *piece;
  }
}

Result<control::Appliance::Imported> NatBed::import(std::string_view stream) {
  const core::Snapshot in_force = snapshot();
  bed_->publish(in_force);
  return nat::import_bindings(workers(), in_force, stream, [] {});
}

std::vector<Seen> NatBed::neighbor_answers() {
  change([](NatSpec& spec) { spec.knows_neighbor = true; });
  bed_->give_back(true);
  bed_->run();
  std::vector<Seen> seen;
  collect(seen);
  return seen;
}

PacketBuilder NatBed::from(std::uint16_t interface, std::string_view source, std::string_view destination) {
  PacketBuilder packet;
  packet.ethernet(neighbor_mac(interface), interface_mac(interface));
  if (interface == kTenant) packet.vlan(7);
  if (interface == kNarrow) packet.vlan(9);
  return source.find(':') == std::string_view::npos ? packet.ipv4(source, destination)
                                                    : packet.ipv6(source, destination);
}

std::uint64_t NatBed::sessions() const {
  std::uint64_t sum = 0;
  for (const nat::WorkerState* state : states_) sum += state->bindings.open_sessions();
  return sum;
}

std::uint64_t NatBed::mappings() const {
  std::uint64_t sum = 0;
  for (const nat::WorkerState* state : states_) sum += state->bindings.open_mappings();
  return sum;
}

std::uint64_t NatBed::subscribers() const {
  std::uint64_t sum = 0;
  for (const nat::WorkerState* state : states_) sum += state->bindings.open_subscribers();
  return sum;
}

std::uint64_t NatBed::dropped(nat::Drop reason) const {
  return bed_->dropped(static_cast<std::uint8_t>(reason));
}

bool NatBed::is_conserved() const { return bed_->is_conserved(); }

}  // namespace millrace::testing
