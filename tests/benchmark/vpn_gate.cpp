// SPDX-License-Identifier: BSD-3-Clause
// What must hold on a worker of the VPN gateway: benchmark_vpn_gate instructions|allocations|system_calls
// (gate.h).
#include "tests/benchmark/gate.h"
#include "tests/benchmark/vpn_bed.h"

namespace {

using namespace millrace;
using namespace millrace::benchmark;
using core::WorkerCounters;

// Packets that leave by tunnels and that come by them, packets broken in every place, sealed ones among them.
class VpnTrouble final : public gate::Trouble {
 public:
  explicit VpnTrouble(crypto::Suite suite)
      : bed_({.tunnels = 256, .suite = suite}), spoil_(0xc6120001, {}, 1), random_(1), now_(bed_.now()) {}

  [[nodiscard]] PipelineBed& bed() noexcept override { return bed_; }
  void renew() override { bed_.renew_policy(); }

  void fill() override {
    bed_.take_events();
    now_ += ++window_ % 512 == 0 ? 8'000'000 : 10;
    bed_.bed().set_time(now_);
    bed_.fill(0, kWindow, [&](rte_mbuf* mbuf, unsigned) {
      const auto choice = static_cast<std::uint32_t>(random_());
      const unsigned port = bed_.write_any(mbuf, choice, 60 + (choice >> 20) % 1024);
      if ((choice >> 4) % 8 == 0) spoil_(mbuf);
      return port;
    });
  }

  [[nodiscard]] bool has_reached(unsigned packets) override {
    const auto total = [&](Counter WorkerCounters::*counter) {
      return static_cast<unsigned long>(bed_.bed().total(counter));
    };
    const auto dropped = [&](vpn::Drop reason) {
      return static_cast<unsigned long>(bed_.bed().dropped(static_cast<std::uint8_t>(reason)));
    };
    const auto sent = total(&WorkerCounters::transmitted);
    std::printf(
        "%lu packets, %lu sent, %lu forged, %lu of unknown numbers, %lu fragments, %lu made, %lu to the host",
        total(&WorkerCounters::received), sent, dropped(vpn::Drop::kForged), dropped(vpn::Drop::kUnknownSpi),
        dropped(vpn::Drop::kJoined), total(&WorkerCounters::originated), total(&WorkerCounters::to_host));
    return sent > packets / 2 && dropped(vpn::Drop::kForged) > 0 && dropped(vpn::Drop::kUnknownSpi) > 0 &&
           total(&WorkerCounters::originated) > 0 && total(&WorkerCounters::to_host) > 0;
  }

 private:
  VpnBed bed_;
  gate::Spoiler spoil_;
  std::mt19937 random_;
  Tick now_;
  unsigned window_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  using crypto::Cipher;
  using crypto::Integrity;
  const std::array kinds{
      gate::Kind{"aes128gcm16",
                 [] {
                   return std::make_unique<VpnTrouble>(crypto::Suite{Cipher::kAesGcm128, Integrity::kNone});
                 }},
      gate::Kind{
          "aes256-sha256",
          [] {
            return std::make_unique<VpnTrouble>(crypto::Suite{Cipher::kAesCbc256, Integrity::kHmacSha256});
          }},
  };
  return gate::run(
      argc, argv, [] { return std::make_unique<VpnBed>(VpnBedConfig{}); }, kinds);
}
