// SPDX-License-Identifier: BSD-3-Clause
#include "tests/benchmark/tunnel_setup.h"

#include <chrono>
#include <memory>
#include <stdexcept>

#include <malloc.h>

#include "vnfs/vpn/association_keeper.h"

namespace millrace::benchmark {
namespace {

using std::chrono::steady_clock;

constexpr crypto::Suite kSuite{crypto::Cipher::kAesGcm128, crypto::Integrity::kNone};
constexpr std::uint32_t kFirstNetwork = 0x0a000000;  // 10.0.0.0: a /24 for each
constexpr std::uint32_t kFirstPeer = 0xc6120002;     // 198.18.0.2
constexpr std::uint32_t kOwn = 0xc6120001;
constexpr std::uint32_t kPeerSpi = 0x20000000;

net::IpAddress address(std::uint32_t number) { return net::Ipv4Address{be32(number)}; }

void demand(const Result<void>& result) {
  if (!result) throw std::runtime_error(result.error().message());
}

double milliseconds(steady_clock::duration time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

class Gateway {
 public:
  explicit Gateway(crypto::Library& library)
      : keeper_(
            library, directory_, path_mtus_,
            {.synchronize = [] {}, .now = [] { return vpn::Clock::now(); }, .tick = [] { return Tick{}; }}) {}
  // Keys go before their library.
  ~Gateway() { static_cast<void>(directory_->replace(std::make_unique<const vpn::Associations>())); }
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  void tell(unsigned tunnel) {
    const auto spi = keeper_.allocate_spi();
    if (!spi) throw std::runtime_error(spi.error().message());
    const vpn::Selector selector{.local = net::Prefix::of(address(0xc0a80000), 16),
                                 .remote = net::Prefix::of(address(kFirstNetwork + (tunnel << 8)), 24)};
    const net::IpAddress peer = address(kFirstPeer + tunnel);
    for (const bool outbound : {false, true}) {
      demand(keeper_.add(vpn::AssociationSpec{
          .key = {.outbound = outbound, .spi = outbound ? kPeerSpi + tunnel : *spi, .remote = peer},
          .local = address(kOwn),
          .suite = kSuite,
          .cipher_key = crypto::Secret(std::vector<std::uint8_t>(20, static_cast<std::uint8_t>(tunnel))),
          .integrity_key = {},
          .extended = true,
          .window = 1024,
          .udp = {},
          .tunnel = tunnel + 1,
          .selectors = {selector}}));
    }
    demand(keeper_.add(vpn::PolicySpec{
        .selector = selector,
        .priority = 1000,
        .tunnel = tunnel + 1,
        .outbound = vpn::AssociationKey{.outbound = true, .spi = kPeerSpi + tunnel, .remote = peer}}));
  }
  void hold(bool held) { keeper_.hold(held); }

 private:
  std::shared_ptr<vpn::Directory> directory_ = std::make_shared<vpn::Directory>();
  std::shared_ptr<core::PathMtus> path_mtus_ = std::make_shared<core::PathMtus>(vpn::kMostAssociations);
  vpn::AssociationKeeper keeper_;
};

}  // namespace

TunnelSetup measure_tunnel_setup(crypto::Library& library, unsigned tunnels, unsigned samples) {
  TunnelSetup setup;
  Gateway gateway(library);
  const std::size_t before = mallinfo2().uordblks;
  const auto began = steady_clock::now();
  gateway.hold(true);
  for (unsigned tunnel = 0; tunnel < tunnels; ++tunnel) gateway.tell(tunnel);
  gateway.hold(false);
  setup.all_milliseconds = milliseconds(steady_clock::now() - began);
  setup.bytes_per_tunnel = static_cast<double>(mallinfo2().uordblks - before) / tunnels;
  for (unsigned i = 0; i < samples; ++i) {
    const auto start = steady_clock::now();
    gateway.tell(tunnels + i);
    setup.one_microseconds.add(1000 * milliseconds(steady_clock::now() - start));
  }
  return setup;
}

}  // namespace millrace::benchmark
