// SPDX-License-Identifier: BSD-3-Clause
// Seeds of load_balancer_pipeline_fuzz.cpp.
#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "tests/fuzz/balancer_kinds.h"
#include "tests/fuzz/corpus_writer.h"

namespace millrace::fuzz {
namespace {

constexpr std::uint8_t kNotYet = 0x80;  // with the next frame
constexpr std::uint8_t kFromClient = 0;
constexpr std::uint8_t kFromBackend = 1;

// Of a segment, with the size of its payload by number.
constexpr std::uint8_t kSyn = 0x80;
constexpr std::uint8_t kAck = 1;
constexpr std::uint8_t kPush100 = 2 | 3 << 3;
constexpr std::uint8_t kPush1200 = 2 | 5 << 3;
constexpr std::uint8_t kPush1400 = 2 | 6 << 3;
constexpr std::uint8_t kFin = 3;
constexpr std::uint8_t kReset = 4;
constexpr std::uint8_t kSynAck = 0x85;

constexpr std::uint8_t kUncut = 0x80;  // of a target's byte: with DF

enum class Carried : std::uint8_t { kTcp, kUdp, kSctp, kEcho };

struct Target {
  ServiceKind kind;
  bool ipv6;

  [[nodiscard]] std::uint8_t byte(Carried carried) const {
    return static_cast<std::uint8_t>(static_cast<unsigned>(kind) << 1U | unsigned{ipv6} |
                                     static_cast<unsigned>(carried) << 5U);
  }
};

// The steps of an input; no byte of a frame is changed.
class Steps {
 public:
  Steps& wait(std::uint8_t tenths) { return add({0, tenths}); }
  Steps& change(unsigned how, std::uint8_t which) {
    return add({static_cast<std::uint8_t>(1 | how << 3U), which});
  }
  Steps& transfer(unsigned how) { return add({static_cast<std::uint8_t>(2 | how << 3U)}); }
  Steps& reflect(std::uint8_t from, std::uint8_t into) {
    return add(
        {static_cast<std::uint8_t>(2U | unsigned{into} << 3U | unsigned{from} << 4U | 1U << 5U), 0, 0});
  }
  Steps& begin(std::uint8_t who, std::uint8_t where, std::uint8_t how, std::uint8_t when = 0) {
    return add({static_cast<std::uint8_t>(6 | when), who, where, how, 0});
  }
  Steps& begin_in_pieces(std::uint8_t who, std::uint8_t where, std::uint8_t how, bool in_order) {
    return add({static_cast<std::uint8_t>(in_order ? 7 : 15), who, where, how, 0, 0});
  }
  Steps& answer(std::uint8_t from, std::uint8_t how, std::uint8_t when = 0, std::uint8_t which = 0) {
    return add({static_cast<std::uint8_t>(4 | from << 3U | when), which, how, 0});
  }
  Steps& complain(std::uint8_t from, std::uint8_t kind, std::uint8_t which = 0) {
    return add({static_cast<std::uint8_t>(5 | from << 3U), which, kind, 0});
  }

  [[nodiscard]] const testing::Frame& bytes() const noexcept { return bytes_; }

 private:
  Steps& add(std::initializer_list<std::uint8_t> step) {
    bytes_.insert(bytes_.end(), step);
    return *this;
  }

  testing::Frame bytes_;
};

Steps opened(const Target& target, std::uint8_t who = 4) {
  Steps steps;
  steps.begin(who, target.byte(Carried::kTcp), kSyn);
  if (target.kind == ServiceKind::kCookies) steps.answer(kFromClient, kAck);
  steps.answer(kFromBackend, kSynAck);
  if (target.kind != ServiceKind::kCookies) steps.answer(kFromClient, kAck);
  return steps;
}

void write_talks(Corpus& corpus, const Target& target, const std::string& name) {
  const std::uint8_t tcp = target.byte(Carried::kTcp);
  const std::uint8_t udp = target.byte(Carried::kUdp);
  const auto write = [&](const std::string& what, const Steps& steps) {
    corpus.write("load_balancer_pipeline", what + "_" + name, steps.bytes());
  };
  Steps talk = opened(target);
  talk.answer(kFromClient, kPush100).answer(kFromBackend, kPush1400).begin(4, tcp, kPush100);
  Steps closed = talk;
  write("closed", closed.answer(kFromClient, kFin).answer(kFromBackend, kFin).wait(2).begin(4, tcp, kSyn));
  Steps errors = talk;
  for (const std::uint8_t kind : std::to_array<std::uint8_t>({0x01, 0x11, 0x51, 0x91, 0xd1})) {
    errors.complain(kFromClient, kind).complain(kFromBackend, kind);
    errors.complain(kFromBackend, kind, 0x80);
  }
  errors.begin(4, static_cast<std::uint8_t>(tcp | kUncut), kPush1200);
  write("errors", errors.complain(kFromBackend, 0x51).complain(kFromBackend, 0x91));
  Steps changed = talk;
  for (std::uint8_t variant = 1; variant < kVariants + 1; ++variant)
    changed.change(0, variant).begin(4, tcp, kPush100).answer(kFromBackend, kPush100).begin(8, tcp, kSyn);
  write("changed", changed);
  Steps burst = opened(target);
  burst.begin(4, tcp, kPush100, kNotYet).answer(kFromBackend, kFin, kNotYet);
  burst.begin(4, tcp, kReset, kNotYet).begin(4, tcp, kSyn, kNotYet).begin(4, tcp, kPush100);
  write("burst", burst);
  Steps datagrams;
  datagrams.begin(4, udp, 3).answer(kFromBackend, 3).complain(kFromBackend, 0x11).complain(kFromClient, 1);
  datagrams.begin_in_pieces(4, udp, 6, true).begin_in_pieces(8, udp, 6, false).begin(12, udp, 0xf6);
  const std::uint8_t sctp = target.byte(Carried::kSctp);
  datagrams.begin(4, sctp, 0).answer(kFromBackend, 9).begin_in_pieces(4, sctp, 200, true);
  write("datagrams", datagrams.begin(4, target.byte(Carried::kEcho), 0x88));
  Steps moved = opened(target);
  moved.transfer(0).wait(90).transfer(1).begin(4, tcp, kPush100);
  write("moved", moved);
  Steps back = talk;
  for (const std::uint8_t from : {kFromClient, kFromBackend})
    back.reflect(from, kFromClient).answer(kFromBackend, kPush100).reflect(from, kFromBackend);
  write("back", back);
  Steps silent;
  silent.begin(4, tcp, kSyn).answer(kFromClient, kAck).wait(20).begin(4, tcp, kPush100).wait(100);
  write("silent", silent.begin(4, tcp, kSyn));
}

}  // namespace

void write_load_balancer_pipeline(Corpus& corpus) {
  constexpr std::array kNames = {"nat",    "cookies", "quic", "packets", "proxy", "toa",     "full_nat",
                                 "across", "direct",  "ipip", "gre",     "gue",   "limited", "whole"};
  static_assert(kNames.size() == kServiceKinds);
  for (unsigned kind = 0; kind < kServiceKinds; ++kind) {
    for (const bool ipv6 : {false, true}) {
      write_talks(corpus, {static_cast<ServiceKind>(kind), ipv6},
                  kNames[kind] + std::string(ipv6 ? "6" : "4"));
    }
  }
  const auto write = [&](const std::string& name, const Steps& steps) {
    corpus.write("load_balancer_pipeline", name, steps.bytes());
  };
  const Target quic{ServiceKind::kQuic, false};
  Steps migrating;
  for (std::uint8_t who = 0; who < 24; ++who)
    migrating.begin(who, quic.byte(Carried::kUdp), static_cast<std::uint8_t>(8 + who % 8))
        .answer(kFromBackend, 2);
  write("quic_migrating", migrating);
  Steps full;
  for (unsigned i = 0; i < 240; ++i) {
    const Target target{i % 3 == 0 ? ServiceKind::kFullNat : ServiceKind::kNat, i / 64 % 2 != 0};
    full.begin(static_cast<std::uint8_t>(i % 64), target.byte(Carried::kUdp), 2, i % 8 == 7 ? 0 : kNotYet);
    if (i % 8 == 7) full.answer(kFromBackend, 2);
  }
  write("table_full", full);
  Steps few_ports;
  few_ports.change(0, 2);
  for (std::uint8_t who = 0; who < 64; ++who)
    few_ports.begin(who, Target{ServiceKind::kToa, false}.byte(Carried::kTcp), kSyn);
  write("few_ports", few_ports);
  Steps eager;
  for (std::uint8_t who = 0; who < 96; ++who) {
    eager.begin(who, Target{ServiceKind::kLimited, false}.byte(Carried::kTcp), kSyn);
    eager.answer(kFromBackend, kSynAck).wait(who % 8);
  }
  write("limits", eager);
  for (const auto kind :
       {ServiceKind::kNat, ServiceKind::kDirect, ServiceKind::kProxyProtocol, ServiceKind::kIpip}) {
    const auto service = static_cast<std::uint8_t>(static_cast<unsigned>(kind) * 2);
    const Target target{kind, false};
    Steps pool;
    for (const unsigned place : {0U, 32U, 64U}) pool.change(4, static_cast<std::uint8_t>(service | place));
    pool.begin(4, target.byte(Carried::kTcp), kSyn).begin(8, target.byte(Carried::kTcp), kSyn).transfer(2);
    pool.answer(kFromBackend, kSynAck).answer(kFromClient, kPush100);
    std::uint8_t next = 8;
    for (const unsigned how : {6U, 5U, 7U, 3U, 1U, 1U, 2U}) {
      pool.change(how, service).begin(4, target.byte(Carried::kTcp), kPush100);
      pool.begin(next += 4, target.byte(Carried::kTcp), kSyn).wait(30);
    }
    write("pool_" + std::string(kNames[static_cast<unsigned>(kind)]), pool);
  }
}

}  // namespace millrace::fuzz
