// SPDX-License-Identifier: BSD-3-Clause
#include "tests/benchmark/load_generator.h"

#include <algorithm>
#include <stdexcept>

#include <poll.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>

#include "common/core/eal.h"

namespace millrace::benchmark {
namespace {

constexpr unsigned kBuffers = 4095;
constexpr std::uint16_t kBufferBytes = 2048;  // as large as memif's own
constexpr unsigned kPacketsAtOnce = 32;
// A generator that was late catches up by no more packets than this at once; the rest it gives up.
constexpr unsigned kMostCredit = 256;
constexpr unsigned kPortion = 256;  // handshakes at once: they fit into the smallest ring
constexpr double kLinkPatience = 10;
constexpr double kAskAgain = 0.2;
constexpr double kDevicePatience = 10;
constexpr double kProbeEvery = 0.02;
constexpr double kHandshakePatience = 2;
// Several times what it takes to send a burst and to look at both ports.
constexpr double kHeldUp64 = 10e-6;
constexpr double kHeldUp = 40e-6;  // with larger packets
constexpr double kQuiet = 0.05;    // without a packet for so long, none is under way any more

constexpr std::array<const char*, 2> kPortNames = {"inside", "outside"};

std::uint64_t ticks(double seconds) {
  return static_cast<std::uint64_t>(seconds * static_cast<double>(rte_get_tsc_hz()));
}

core::Port open_port(unsigned index, const std::string& socket, unsigned ring_exponent, rte_mempool* pool) {
  const std::string device = "net_memif" + std::to_string(index) +
                             ",role=client,socket-abstract=no,socket=" + socket +
                             ",rsize=" + std::to_string(ring_exponent);
  auto port = core::Port::find({.name = kPortNames[index], .device = device});
  if (!port) throw std::runtime_error(port.error().message());
  if (const auto set = port->set_up({}, pool); !set) throw std::runtime_error(set.error().message());
  if (const auto started = port->start(); !started) throw std::runtime_error(started.error().message());
  return std::move(*port);
}

}  // namespace

LoadGenerator::LoadGenerator(const GeneratorConfig& config) : traffic_({.flows = config.sessions}, 0, 1) {
  auto pool = core::make_packet_pool(kBuffers, kBufferBytes);
  if (!pool) throw std::runtime_error(pool.error().message());
  pool_ = *pool;
  ports_.push_back(open_port(0, config.inside, config.ring_exponent, pool_));
  ports_.push_back(open_port(1, config.outside, config.ring_exponent, pool_));
  wait_for_links();
}

// memif tells nobody when its peer has answered: one has to look. A peer that was asked before its port was
// started has said no, and is asked again.
void LoadGenerator::wait_for_links() {
  const std::uint64_t until = rte_rdtsc() + ticks(kLinkPatience);
  std::uint64_t ask_again = rte_rdtsc() + ticks(kAskAgain);
  while (!std::all_of(ports_.begin(), ports_.end(), [](const core::Port& port) { return port.link().up; })) {
    const std::uint64_t now = rte_rdtsc();
    if (now > until) return check_links();
    poll(nullptr, 0, 1);
    if (now < ask_again) continue;
    ask_again = now + ticks(kAskAgain);
    for (core::Port& port : ports_) {
      if (port.link().up) continue;
      rte_eth_dev_stop(port.id().value());
      if (const auto started = port.start(); !started) throw std::runtime_error(started.error().message());
    }
  }
}

void LoadGenerator::check_links() const {
  for (const core::Port& port : ports_) {
    if (!port.link().up) throw std::runtime_error("no link at the " + port.name() + " port");
  }
}

// --- opening sessions ---

void LoadGenerator::establish() {
  wait_for_device();
  for (unsigned first = 0; first < traffic_.flows(); first += kPortion) {
    const unsigned count = std::min(kPortion, traffic_.flows() - first);
    for (const Step step : {Step::kSyn, Step::kSynAck, Step::kAck}) exchange(step, first, count);
  }
}

// A link does not mean that the device forwards already: a SYN now and then, until one comes through.
void LoadGenerator::wait_for_device() {
  const std::uint64_t until = rte_rdtsc() + ticks(kDevicePatience);
  std::uint64_t next_probe = 0;
  while (receive_handshake(1) == 0) {
    const std::uint64_t now = rte_rdtsc();
    if (now > until) {
      check_links();
      throw std::runtime_error("nothing comes through from the inside port to the outside port");
    }
    if (now < next_probe) continue;
    next_probe = now + ticks(kProbeEvery);
    rte_mbuf* probe = rte_pktmbuf_alloc(pool_);
    if (probe == nullptr) throw std::runtime_error("no packet buffers");
    traffic_.write(probe, traffic_.flow(0), Step::kSyn, frame_bytes(Size::k64, 0));
    transmit(0, {&probe, 1});
  }
  receive_until_quiet();  // the other probes
}

void LoadGenerator::exchange(Step step, unsigned first, unsigned count) {
  const unsigned port = from_client(step) ? 0 : 1;
  std::array<rte_mbuf*, kPortion> mbufs;
  if (rte_pktmbuf_alloc_bulk(pool_, mbufs.data(), count) != 0) throw std::runtime_error("no packet buffers");
  for (unsigned i = 0; i < count; ++i)
    traffic_.write(mbufs[i], traffic_.flow(first + i), step, frame_bytes(Size::k64, 0));
  const unsigned sent = transmit(port, {mbufs.data(), count});
  unsigned arrived = 0;
  const std::uint64_t until = rte_rdtsc() + ticks(kHandshakePatience);
  while (arrived < sent && rte_rdtsc() < until) {
    arrived += receive_handshake(1 - port);
    receive_handshake(port);
  }
  if (arrived == count) return;
  check_links();
  throw std::runtime_error("of " + std::to_string(count) + " handshake packets from the " + kPortNames[port] +
                           " port " + std::to_string(sent) + " were taken and " + std::to_string(arrived) +
                           " came through");
}

// --- a trial ---

void LoadGenerator::prepare(Size size) {
  if (prepared_ == size) return;
  rte_mbuf* scratch = rte_pktmbuf_alloc(pool_);
  if (scratch == nullptr) throw std::runtime_error("no packet buffers");
  sequences_.clear();
  for (const bool client : {true, false}) sequences_.emplace_back(traffic_, client, size, scratch);
  rte_pktmbuf_free(scratch);
  prepared_ = size;
}

TrialResult LoadGenerator::run(const Trial& trial) {
  prepare(trial.size);
  receive_until_quiet();
  latency_.clear();
  held_up_after_ = ticks(trial.size == Size::k64 ? kHeldUp64 : kHeldUp);
  looked_ = {};  // the first look clears the ports of what is left
  TrialResult result;
  const auto hz = static_cast<double>(rte_get_tsc_hz());
  const double per_tick = trial.rate / hz;
  const std::uint64_t begin = rte_rdtsc();
  const std::uint64_t end = begin + ticks(trial.seconds);
  std::uint64_t before = begin;
  std::uint64_t longest = 0;
  double credit = 0;  // packets whose time has come
  unsigned port = 0;
  for (;;) {
    const std::uint64_t now = rte_rdtsc();
    const std::uint64_t passed = now - before;
    longest = std::max(longest, passed);
    if (now >= end) break;
    before = now;
    if (per_tick == 0) {
      credit = kPacketsAtOnce;
    } else {
      credit += static_cast<double>(passed) * per_tick;
    }
    if (credit > kMostCredit) {
      const auto given_up = static_cast<std::uint64_t>(credit) - kMostCredit;
      result.skipped += given_up;
      credit -= static_cast<double>(given_up);
    }
    if (credit >= 1) {
      const unsigned count = std::min(static_cast<unsigned>(credit), kPacketsAtOnce);
      credit -= count;
      offer(port, count, result);
      port = 1 - port;
    }
    for (const unsigned from : {0U, 1U}) receive_trial(from, begin, result);
  }
  result.seconds = static_cast<double>(before - begin) / hz;
  for (std::uint64_t last = rte_rdtsc();
       result.received + result.refused < result.offered && rte_rdtsc() < last + ticks(kQuiet);) {
    for (const unsigned from : {0U, 1U}) {
      const std::uint64_t received = result.received;
      receive_trial(from, begin, result);
      if (result.received != received) last = rte_rdtsc();
    }
  }
  result.longest_gap_us = static_cast<double>(longest) * 1e6 / hz;
  check_links();
  return result;
}

void LoadGenerator::offer(unsigned port, unsigned count, TrialResult& result) {
  std::array<rte_mbuf*, kPacketsAtOnce> mbufs;
  if (rte_pktmbuf_alloc_bulk(pool_, mbufs.data(), count) != 0) throw std::runtime_error("no packet buffers");
  sequences_[port].write({mbufs.data(), count}, rte_rdtsc());
  result.offered += count;
  result.refused += count - transmit(port, {mbufs.data(), count});
}

// --- ports ---

// How many the port took; all buffers are gone.
unsigned LoadGenerator::transmit(unsigned port, std::span<rte_mbuf*> mbufs) noexcept {
  const auto count = static_cast<unsigned>(mbufs.size());
  const unsigned sent =
      rte_eth_tx_burst(ports_[port].id().value(), 0, mbufs.data(), static_cast<std::uint16_t>(count));
  if (sent < count) rte_pktmbuf_free_bulk(mbufs.data() + sent, count - sent);
  totals_.sent[port] += sent;
  return sent;
}

unsigned LoadGenerator::receive_handshake(unsigned port) noexcept {
  std::array<rte_mbuf*, kPacketsAtOnce> mbufs;
  const unsigned count = rte_eth_rx_burst(ports_[port].id().value(), 0, mbufs.data(), kPacketsAtOnce);
  const auto own =
      static_cast<unsigned>(std::count_if(mbufs.begin(), mbufs.begin() + count, PacketSequence::is_tcp4));
  rte_pktmbuf_free_bulk(mbufs.data(), count);
  totals_.received[port] += own;
  totals_.foreign[port] += count - own;
  return own;
}

// Counts packets of the trial that began then; one of an earlier trial has an older stamp.
void LoadGenerator::receive_trial(unsigned port, std::uint64_t begin, TrialResult& result) noexcept {
  std::array<rte_mbuf*, kPacketsAtOnce> mbufs;
  const unsigned count = rte_eth_rx_burst(ports_[port].id().value(), 0, mbufs.data(), kPacketsAtOnce);
  const std::uint64_t now = rte_rdtsc();
  const bool untimed = held_up_[port] || now - looked_[port] > held_up_after_;
  held_up_[port] = untimed && count == kPacketsAtOnce;  // more may have waited
  looked_[port] = now;
  if (count == 0) return;
  unsigned foreign = 0;
  for (unsigned i = 0; i < count; ++i) {
    if (!PacketSequence::is_tcp4(mbufs[i])) [[unlikely]] {
      ++foreign;
      continue;
    }
    const std::uint64_t age = (now - PacketSequence::stamp(rte_pktmbuf_mtod(mbufs[i], const std::uint8_t*))) &
                              PacketSequence::kStampMask;
    if (age > now - begin) [[unlikely]]
      continue;
    ++result.received;
    if (untimed) {
      ++result.untimed;
    } else {
      latency_.record(age);
    }
  }
  rte_pktmbuf_free_bulk(mbufs.data(), count);
  totals_.received[port] += count - foreign;
  totals_.foreign[port] += foreign;
}

void LoadGenerator::receive_until_quiet() {
  for (std::uint64_t last = rte_rdtsc(); rte_rdtsc() < last + ticks(kQuiet);) {
    for (const unsigned port : {0U, 1U}) {
      const Totals before = totals_;
      receive_handshake(port);
      if (totals_.received[port] + totals_.foreign[port] != before.received[port] + before.foreign[port])
        last = rte_rdtsc();
    }
  }
}

Totals LoadGenerator::totals() {
  receive_until_quiet();
  return totals_;
}

}  // namespace millrace::benchmark
