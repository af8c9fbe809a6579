// SPDX-License-Identifier: BSD-3-Clause
// Which subjects behave as no usual one does. Control side, one thread.
//
// That a source's openings go unanswered is what tells a scan from a busy source, as in Jung, Paxson, Berger,
// Balakrishnan: "Fast Portscan Detection Using Sequential Hypothesis Testing", 2004: most of what a good
// source opens is answered, most of what a scanner opens is not.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "vnfs/firewall/inspection/activity_history.h"
#include "vnfs/firewall/inspection/anomaly_settings.h"

namespace millrace::firewall::inspection {

// What all workers saw, by Track.
struct Histories {
  Histories(const HistoryLimits& limits, const SipKey& seed)
      : pairs(Track::kPair, limits.pairs, seed),
        ports(Track::kPort, limits.ports, seed),
        services(Track::kService, limits.services, seed),
        domains(Track::kDomain, limits.domains, seed) {}

  [[nodiscard]] std::size_t memory_bytes() const noexcept {
    return pairs.memory_bytes() + ports.memory_bytes() + services.memory_bytes() + domains.memory_bytes();
  }

  ActivityHistory pairs;
  ActivityHistory ports;
  ActivityHistory services;
  ActivityHistory domains;
};

// A subject of interest, in numbers. At a strength of 1 it is an anomaly.
struct Suspicion {
  static constexpr std::size_t kExamples = 3;

  AnomalyKind kind;
  const ActivityRecord* record;  // the strongest of those it was put together from; until the next add()
  std::size_t window;            // of kWindowSeconds
  std::uint32_t seconds;         // of the window that have passed
  double strength;
  double measure;    // ports, hosts, sessions, names in these seconds; of floods unanswered openings a second
  double spread;     // kPortScan: hosts; kHostSweep: ports; floods: sources; kBruteForce: hosts
  double usual;      // the measure's baseline
  double deviation;  // and that of the baseline
  std::uint64_t opened;
  std::uint64_t refused;
  std::uint64_t answered;
  std::uint64_t marked;
  double opened_rate;                                     // of floods, as is the next
  double usual_opened_rate;                               // its baseline
  std::uint32_t touched;                                  // second in which the subject last did something
  std::array<const ActivityRecord*, kExamples> examples;  // null: no more
};

class AnomalyRules {
 public:
  // The strength from which on a suspicion is told, so that what is open already can go on.
  static constexpr double kGoesOn = 0.5;

  // What is suspicious at this second, one at most for each kind and subject, and what is usual so far.
  // `elapsed`: seconds since the last call. `began`: the first second of all.
  [[nodiscard]] std::vector<Suspicion> judge(Histories& histories, const AnomalySettings& settings,
                                             std::uint32_t second, std::uint32_t elapsed,
                                             std::uint32_t began);

  [[nodiscard]] const Baseline& usual(Track track, std::size_t window) const noexcept {
    return usual_[static_cast<std::size_t>(track)][window];
  }

 private:
  struct Look;

  void judge_spread(ActivityHistory& history, AnomalyKind kind, Track track, const Look& look,
                    std::vector<Suspicion>& found);
  void judge_logins(ActivityHistory& ports, const Look& look, std::vector<Suspicion>& found);
  void judge_floods(ActivityHistory& services, const Look& look, std::vector<Suspicion>& found);
  static void learn_rates(ActivityRecord& record, double most, double far, const Look& look);
  void judge_domains(ActivityHistory& domains, const Look& look, std::vector<Suspicion>& found);
  void learn(Track track, const ActivityRecord& record, AnomalyKind kind, const Look& look);

  std::array<std::array<Baseline, kWindows>, kTracks> usual_;
  Baseline usual_logins_;
};

}  // namespace millrace::firewall::inspection
