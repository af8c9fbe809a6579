// SPDX-License-Identifier: BSD-3-Clause
// Models of what sources do. Rates and shares are of the order that captures of such systems show; each draws
// from a generator of its own, so that a run can be repeated.
#include <memory>
#include <random>
#include <utility>

#include "common/net/wire.h"
#include "tests/support/anomaly_bed.h"

namespace millrace::testing {
namespace {

using namespace firewall::inspection;
using net::protocol::kIcmp;
using net::protocol::kTcp;
using net::protocol::kUdp;

constexpr std::uint32_t kInside = 0x0a000000;   // 10.0.0.0
constexpr std::uint32_t kOutside = 0xcb007100;  // 203.0.113.0
constexpr std::uint32_t kFar = 0x2d000000;      // 45.0.0.0

class Dice {
 public:
  explicit Dice(unsigned seed) : random_(seed) {}
  std::uint32_t below(std::uint32_t most) { return static_cast<std::uint32_t>(random_() % most); }
  bool chance(double share) { return std::generate_canonical<double, 32>(random_) < share; }
  // Most often one of the first: what many want, some want often.
  std::uint32_t popular(std::uint32_t most) {
    const double u = std::generate_canonical<double, 32>(random_);
    return static_cast<std::uint32_t>(u * u * u * most);
  }
  std::string text(std::string_view letters, std::size_t length) {
    std::string made(length, ' ');
    for (char& c : made) c = letters[below(static_cast<std::uint32_t>(letters.size()))];
    return made;
  }
  std::uint16_t port() { return static_cast<std::uint16_t>(1024 + below(64000)); }

 private:
  std::mt19937_64 random_;
};

void send(AnomalyBed& bed, Dice& dice, net::IpAddress from, net::IpAddress to, std::uint32_t port,
          std::uint8_t protocol, const Fate& fate) {
  bed.open(dice.below(1000), {from, to, static_cast<std::uint16_t>(port), protocol, {}}, dice.port(), fate);
}

// A function of (bed, dice, second) with dice that last.
template <class Step>
AnomalyBed::Traffic with_dice(unsigned seed, Step step) {
  return [dice = std::make_shared<Dice>(seed), step](AnomalyBed& bed, std::uint32_t second) {
    step(bed, *dice, second);
  };
}

constexpr std::string_view kBase32 = "abcdefghijklmnopqrstuvwxyz234567";
constexpr std::string_view kHex = "0123456789abcdef";

// Of a load balancer in a cloud.
std::string cloud_name(unsigned number) {
  Dice dice(number);
  return "k8s-" + dice.text(kBase32, 16) + "-" + dice.text(kHex, 10) + ".us-east-1.elb.amazonaws.com";
}

AnomalyBed::Traffic nat_gateway(unsigned scale) {
  return with_dice(1, [scale](AnomalyBed& bed, Dice& dice, std::uint32_t) {
    static constexpr std::uint16_t kPorts[] = {443, 443, 443, 443, 80, 443, 8080, 5228, 993, 853};
    const auto gateway = address_of(kOutside, 1);
    for (unsigned i = 0; i < 40 * scale; ++i) {
      const bool udp = dice.chance(0.3);
      const auto port = udp ? (dice.chance(0.5) ? 443U : 53U) : kPorts[dice.below(std::size(kPorts))];
      send(bed, dice, gateway, address_of(kFar, dice.popular(3000)), port, udp ? kUdp : kTcp,
           {.answered = dice.chance(0.96)});
    }
    // Some of them administer servers elsewhere; some send mail.
    if (dice.chance(0.1))
      send(bed, dice, gateway, address_of(kFar, dice.below(20)), 22, kTcp,
           {.duration_ms = 600'000, .bytes = 90'000});
    if (dice.chance(0.3))
      send(bed, dice, gateway, address_of(kFar, 9), 587, kTcp, {.duration_ms = 1500, .bytes = 25'000});
    if (dice.chance(0.5 * scale))
      bed.ask(dice.below(1000), gateway,
              "rr" + std::to_string(dice.below(9)) + "---sn-" + dice.text(kBase32, 12) + ".googlevideo.com");
    if (dice.chance(0.1 * scale)) bed.ask(dice.below(1000), gateway, cloud_name(dice.popular(400)));
  });
}

AnomalyBed::Traffic crawler(unsigned scale) {
  return with_dice(2, [scale](AnomalyBed& bed, Dice& dice, std::uint32_t) {
    for (unsigned i = 0; i < 30 * scale; ++i)
      send(bed, dice, address_of(kInside, 2), address_of(kFar, dice.below(1U << 22)),
           dice.chance(0.8) ? 443 : 80, kTcp, {.answered = dice.chance(0.85)});
  });
}

AnomalyBed::Traffic resolver(unsigned scale) {
  return with_dice(3, [scale](AnomalyBed& bed, Dice& dice, std::uint32_t) {
    const auto self = address_of(kInside, 3);
    for (unsigned i = 0; i < 40 * scale; ++i) {
      send(bed, dice, self, address_of(kFar, dice.popular(20'000)), 53, dice.chance(0.05) ? kTcp : kUdp,
           {.answered = dice.chance(0.92), .duration_ms = 30, .bytes = 400});
      std::string name = "www." + dice.text(kBase32, 4 + dice.below(12)) + ".com";
      if (i % 5 == 1)
        name =
            std::to_string(dice.below(256)) + "." + std::to_string(dice.below(256)) + ".2.198.in-addr.arpa";
      if (i % 5 == 2) name = "d" + dice.text(kHex, 13) + ".cloudfront.net";
      if (i % 50 == 4) name = cloud_name(dice.popular(3000));
      if (i % 10 == 3) {
        name.clear();
        for (int nibble = 0; nibble < 32; ++nibble) name += dice.text(kHex, 1) + ".";
        name += "ip6.arpa";
      }
      bed.ask(dice.below(1000), self, name);
    }
  });
}

AnomalyBed::Traffic monitoring(unsigned) {
  return with_dice(4, [](AnomalyBed& bed, Dice& dice, std::uint32_t second) {
    const auto self = address_of(kInside, 4);
    for (unsigned host = 0; host < 500; ++host) {
      const bool dead = host % 40 == 0;
      if (second % 30 == host % 30)
        send(bed, dice, self, address_of(kInside, 1000 + host), 0, kIcmp, {.answered = !dead});
      if (second % 60 != host % 60) continue;
      for (const unsigned port : {22U, 443U, 5666U})
        send(bed, dice, self, address_of(kInside, 1000 + host), port, kTcp,
             {.answered = !dead, .duration_ms = 50, .bytes = 900});
    }
  });
}

AnomalyBed::Traffic video_cdn(unsigned scale) {
  return with_dice(5, [scale](AnomalyBed& bed, Dice& dice, std::uint32_t second) {
    // After a while a crowd comes.
    const unsigned crowd = second >= 50 ? 4 : 1;
    for (unsigned i = 0; i < 60 * scale * crowd; ++i)
      send(bed, dice, address_of(kFar, dice.below(1U << 24)), address_of(kInside, 5), 443,
           dice.chance(0.5) ? kTcp : kUdp, {.answered = dice.chance(0.97), .duration_ms = 30'000});
  });
}

AnomalyBed::Traffic mail_server(unsigned scale) {
  return with_dice(6, [scale](AnomalyBed& bed, Dice& dice, std::uint32_t) {
    const auto self = address_of(kInside, 6);
    for (unsigned i = 0; i < 6 * scale; ++i)
      send(bed, dice, self, address_of(kFar, dice.popular(2000)), 25, kTcp, {.answered = dice.chance(0.75)});
    for (unsigned i = 0; i < 10 * scale; ++i) {
      send(bed, dice, address_of(kFar, dice.below(100'000)), self, 25, kTcp,
           {.duration_ms = 3000, .bytes = 4000});
      bed.ask(dice.below(1000), self,
              std::to_string(dice.below(256)) + "." + std::to_string(dice.below(256)) +
                  ".113.203.zen.spamhaus.org");
    }
    // A load balancer looks whether it is there.
    if (dice.chance(0.5))
      send(bed, dice, address_of(kInside, 60), self, 587, kTcp, {.duration_ms = 30, .bytes = 420});
    // Users fetch and send.
    if (dice.chance(0.5))
      send(bed, dice, address_of(kFar, dice.below(60)), self, 587, kTcp,
           {.duration_ms = 900, .bytes = 30'000});
  });
}

AnomalyBed::Traffic peer_to_peer(unsigned scale) {
  return with_dice(7, [scale](AnomalyBed& bed, Dice& dice, std::uint32_t) {
    for (unsigned i = 0; i < 15 * scale; ++i) {
      const std::uint32_t peer = dice.below(5000);
      send(bed, dice, address_of(kInside, 7), address_of(kFar, peer * 977), 1024 + peer * 13 % 64000,
           dice.chance(0.6) ? kUdp : kTcp, {.answered = dice.chance(0.35)});
    }
  });
}

AnomalyBed::Traffic administrator(unsigned) {
  return with_dice(8, [](AnomalyBed& bed, Dice& dice, std::uint32_t second) {
    const auto self = address_of(kInside, 8);
    // A play over 200 hosts, four short connections each; a path traced; a file server's many data ports.
    if (second >= 20 && second < 60)
      for (unsigned host = (second - 20) * 5; host < (second - 20) * 5 + 5; ++host)
        for (int i = 0; i < 4; ++i)
          send(bed, dice, self, address_of(kInside, 2000 + host), 22, kTcp,
               {.duration_ms = 1200, .bytes = 5000});
    if (second >= 70 && second < 80)
      for (unsigned probe = 0; probe < 9; ++probe)
        send(bed, dice, self, address_of(kFar, 77), 33434 + (second - 70) * 9 + probe, kUdp,
             {.answered = false});
    for (int i = 0; i < 8; ++i)
      send(bed, dice, self, address_of(kInside, 3000), 40000 + dice.below(20'000), kTcp,
           {.duration_ms = 400});
  });
}

AnomalyBed::Traffic failing_server(unsigned scale) {
  return with_dice(9, [scale](AnomalyBed& bed, Dice& dice, std::uint32_t second) {
    for (unsigned i = 0; i < 60 * scale; ++i)
      send(bed, dice, address_of(kFar, dice.below(500)), address_of(kInside, 9), 8443, kTcp,
           {.answered = second < 40, .duration_ms = 500});
  });
}

AnomalyBed::Traffic voice_gateway(unsigned scale) {
  return with_dice(10, [scale](AnomalyBed& bed, Dice& dice, std::uint32_t) {
    for (unsigned i = 0; i < 8 * scale; ++i)
      send(bed, dice, address_of(kInside, 10), address_of(kFar, 10), 16384 + 2 * dice.below(8000), kUdp,
           {.answered = dice.chance(0.9), .duration_ms = 90'000});
  });
}

AnomalyBed::Traffic port_scan(unsigned hosts, double per_second, bool let_in) {
  return with_dice(20, [=](AnomalyBed& bed, Dice& dice, std::uint32_t second) {
    const auto goal = static_cast<unsigned>((second + 1) * per_second);
    for (auto i = static_cast<unsigned>(second * per_second); i < goal; ++i)
      send(bed, dice, address_of(kOutside, 20), address_of(kInside, 100 + i % hosts), 1 + i / hosts, kTcp,
           {.let_in = let_in, .answered = dice.chance(0.01), .duration_ms = 20, .bytes = 120});
  });
}

AnomalyBed::Traffic sweep(std::vector<std::uint16_t> ports, std::uint8_t protocol, double per_second,
                          double answered) {
  return with_dice(21, [=](AnomalyBed& bed, Dice& dice, std::uint32_t second) {
    const auto goal = static_cast<unsigned>((second + 1) * per_second);
    for (auto i = static_cast<unsigned>(second * per_second); i < goal; ++i)
      for (const std::uint16_t port : ports)
        send(bed, dice, address_of(kOutside, 21), address_of(kInside, i), port, protocol,
             {.answered = dice.chance(answered), .duration_ms = 20, .bytes = 120});
  });
}

AnomalyBed::Traffic flood(std::uint8_t protocol, unsigned per_second, bool one_port) {
  return with_dice(22, [=](AnomalyBed& bed, Dice& dice, std::uint32_t second) {
    const auto server = address_of(kInside, 22);
    for (unsigned i = 0; i < 60; ++i)
      send(bed, dice, address_of(kFar, dice.below(1U << 20)), server, 443, protocol, {});
    if (second < 12) return;
    for (unsigned i = 0; i < per_second; ++i)
      send(bed, dice, address_of(dice.below(0xffffffff), 0), server, one_port ? 443 : dice.port(), protocol,
           {.answered = false});
  });
}

AnomalyBed::Traffic guessing(std::uint16_t port, double per_second) {
  return with_dice(23, [=](AnomalyBed& bed, Dice& dice, std::uint32_t second) {
    const auto goal = static_cast<unsigned>((second + 1) * per_second);
    for (auto i = static_cast<unsigned>(second * per_second); i < goal; ++i)
      send(bed, dice, address_of(kOutside, 23), address_of(kInside, 23), port, kTcp,
           {.duration_ms = 1800, .bytes = 3600});
  });
}

AnomalyBed::Traffic tunnel(double per_second, std::size_t length) {
  return with_dice(24, [=](AnomalyBed& bed, Dice& dice, std::uint32_t second) {
    const auto goal = static_cast<unsigned>((second + 1) * per_second);
    for (auto i = static_cast<unsigned>(second * per_second); i < goal; ++i) {
      std::string name;
      for (std::size_t left = length; left > 0; left -= std::min<std::size_t>(left, 60))
        name += dice.text(kBase32, std::min<std::size_t>(left, 60)) + ".";
      bed.ask(dice.below(1000), address_of(kInside, 24), name + "t.example.net");
    }
  });
}

}  // namespace

const std::vector<TrafficModel>& good_traffic() {
  static const std::vector<TrafficModel> kModels = {
      {"NAT gateway", nat_gateway},
      {"web crawler", crawler},
      {"DNS resolver", resolver},
      {"monitoring system", monitoring},
      {"video CDN, flash crowd", video_cdn},
      {"mail server", mail_server},
      {"peer-to-peer client", peer_to_peer},
      {"administrator", administrator},
      {"failing server", failing_server},
      {"voice gateway", voice_gateway},
  };
  return kModels;
}

const std::vector<AttackModel>& attacks() {
  using Kind = AnomalyKind;
  static const std::vector<AttackModel> kModels = {
      {"port scan, 200 ports a second", Kind::kPortScan, 3, [] { return port_scan(1, 200, true); }},
      {"port scan, refused by rules", Kind::kPortScan, 3, [] { return port_scan(1, 200, false); }},
      {"port scan, 10 hosts, 30 a second", Kind::kPortScan, 15, [] { return port_scan(10, 30, true); }},
      {"port scan, one port in 3 seconds", Kind::kPortScan, 450, [] { return port_scan(1, 1 / 3.0, true); }},
      {"port scan, one port in 15 seconds", Kind::kPortScan, 3600,
       [] { return port_scan(1, 1 / 15.0, false); }},
      {"sweep of TCP 22, 50 hosts a second", Kind::kHostSweep, 4, [] { return sweep({22}, kTcp, 50, 0.1); }},
      {"sweep of two ports, 5 hosts a second", Kind::kHostSweep, 12,
       [] {
         return sweep({23, 2323}, kTcp, 5, 0.05);
       }},
      {"sweep by ping, 20 hosts a second", Kind::kHostSweep, 8, [] { return sweep({0}, kIcmp, 20, 0.2); }},
      {"sweep, one host in 3 seconds", Kind::kHostSweep, 900, [] { return sweep({445}, kTcp, 1 / 3.0, 0); }},
      {"SYN flood, 1,500 a second", Kind::kSynFlood, 17, [] { return flood(kTcp, 1500, true); }},
      {"UDP flood, 6,000 a second, all ports", Kind::kUdpFlood, 17, [] { return flood(kUdp, 6000, false); }},
      {"SSH login, 5 a second", Kind::kBruteForce, 8, [] { return guessing(22, 5); }},
      {"RDP login, one in 3 seconds", Kind::kBruteForce, 310, [] { return guessing(3389, 1 / 3.0); }},
      {"SMTP login, one in 10 seconds", Kind::kBruteForce, 3600, [] { return guessing(587, 0.1); }},
      {"DNS tunnel, 20 names a second", Kind::kDnsTunnel, 4, [] { return tunnel(20, 150); }},
      {"DNS tunnel, one short name in 2 seconds", Kind::kDnsTunnel, 900, [] { return tunnel(0.5, 40); }},
  };
  return kModels;
}

}  // namespace millrace::testing
