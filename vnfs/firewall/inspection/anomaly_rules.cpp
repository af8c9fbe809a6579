// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/anomaly_rules.h"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <tuple>

#include "common/net/wire.h"

namespace millrace::firewall::inspection {
namespace {

// With fewer a host, or a port, is no part of a scan.
constexpr double kLeastOfOne = 8;
// Of openings that had time to be answered: a scan's are answered more rarely than this.
constexpr double kMostAnswered = 0.5;
// And of a flood at least so many are not.
constexpr double kLeastUnanswered = 0.3;
// A busy service may have times like this; a flood comes on top.
constexpr double kFarOverUsual = 1.5;
// Short sessions with each host in each window, for it to be tried again and again; systems that look after
// hosts come by every minute.
constexpr std::array<double, kWindows> kLeastTries = {5, 20, 100};
// Data in names are not sent twice, while names that mean hosts are asked for again and again. Low, as
// resolvers ask anew for what they got no answer to.
constexpr double kLeastNew = 0.4;

constexpr std::uint32_t kSubjectsRemembered = 16384;
constexpr std::uint32_t kSecondsRemembered = 600;

using SourceName = std::tuple<std::uint64_t, std::uint64_t, std::uint64_t>;

SourceName name_of(const flow::SourceKey& key) { return {key.first, key.second, key.rest}; }

// Whether it may be a scan, or part of one; also where answers may still come.
bool may_be_scan(const Counts& counts) {
  const double all = counts.opened + counts.refused;
  return all - counts.answered >= kLeastOfOne && counts.answered <= kMostAnswered * all;
}

void add_example(Suspicion& to, const ActivityRecord& record) {
  for (auto& example : to.examples) {
    if (example != nullptr) continue;
    example = &record;
    return;
  }
}

Suspicion suspicion_of(AnomalyKind kind, const ActivityRecord& record, std::size_t window) {
  Suspicion made{};
  made.kind = kind;
  made.record = &record;
  made.window = window;
  made.touched = record.touched;
  return made;
}

void add_counts(Suspicion& to, const Counts& counts) {
  to.opened += counts.opened;
  to.refused += counts.refused;
  to.answered += counts.answered;
  to.marked += counts.marked;
}

bool is_one_of(const std::vector<std::string>& domains, const ActivityRecord& record) {
  const std::string_view domain(record.domain.data(), record.domain_length);
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; };
  return std::any_of(domains.begin(), domains.end(), [&](const std::string& known) {
    return std::equal(known.begin(), known.end(), domain.begin(), domain.end(),
                      [&](char a, char b) { return a == lower(b); });
  });
}

// Of one subject's windows: the shortest that makes it an anomaly, else the strongest.
bool better(const Suspicion& a, const Suspicion& b) {
  if ((a.strength >= 1) != (b.strength >= 1)) return a.strength >= 1;
  return a.strength >= 1 ? a.window < b.window : a.strength > b.strength;
}

}  // namespace

struct AnomalyRules::Look {
  const AnomalySettings& settings;
  std::uint32_t second;
  std::uint32_t elapsed;
  std::uint32_t began;

  [[nodiscard]] double floor(AnomalyKind kind, std::size_t window) const noexcept {
    return settings.of(kind).floors[window] / settings.sensitivity;
  }
  // The most that counts for what is usual, so that attacks do not become usual.
  [[nodiscard]] double most(AnomalyKind kind, std::size_t window) const noexcept {
    return floor(kind, window) / 2;
  }
  void rate(Suspicion& suspicion, const Baseline& usual) const noexcept {
    suspicion.usual = usual.mean();
    suspicion.deviation = usual.deviation();
    suspicion.seconds = suspicion.record->covered(suspicion.window, second, began);
    suspicion.strength = suspicion.measure /
                         std::max(floor(suspicion.kind, suspicion.window), usual.above(settings.deviations));
  }
};

void AnomalyRules::learn(Track track, const ActivityRecord& record, AnomalyKind kind, const Look& look) {
  // One window in each second: a third of the work, and each is seen often enough.
  const std::size_t window = look.second % kWindows;
  if (record.touched != look.second) return;
  const double distinct = record.distinct(window);
  const double most = look.most(kind, window);
  if (track == Track::kDomain ? distinct >= most : may_be_scan(record.counts(window))) return;
  usual_[static_cast<std::size_t>(track)][window].learn(std::min(distinct, most), kSubjectsRemembered);
}

void AnomalyRules::judge_spread(ActivityHistory& history, AnomalyKind kind, Track track, const Look& look,
                                std::vector<Suspicion>& found) {
  std::map<SourceName, std::array<Suspicion, kWindows>> sources;
  history.for_each(look.second, [&](const ActivityRecord& record) {
    learn(track, record, kind, look);
    // What the longest window does not show, none does.
    if (!look.settings.of(kind).on || record.unanswered(kWindows - 1, look.second) < kLeastOfOne) return;
    for (std::size_t w = 0; w < kWindows; ++w) {
      const std::uint32_t unanswered = record.unanswered(w, look.second);
      const Counts counts = record.counts(w);
      if (unanswered < kLeastOfOne || !may_be_scan(counts)) continue;
      const double distinct = std::min<double>(unanswered, record.distinct(w));
      if (distinct < kLeastOfOne) continue;
      Suspicion& source = sources[name_of(record.subject.who)][w];
      if (source.record == nullptr) source = suspicion_of(kind, record, w);
      if (distinct > source.strength) {  // so far, the most of one record
        source.strength = distinct;
        source.record = &record;
      }
      source.touched = std::max(source.touched, record.touched);
      source.measure += distinct;
      source.spread += 1;
      add_counts(source, counts);
      add_example(source, record);
    }
  });
  for (auto& [name, windows] : sources) {
    const Suspicion* best = nullptr;
    for (Suspicion& suspicion : windows) {
      if (suspicion.record == nullptr) continue;
      look.rate(suspicion, usual(track, suspicion.window));
      if (best == nullptr || better(suspicion, *best)) best = &suspicion;
    }
    if (best->strength >= kGoesOn) found.push_back(*best);
  }
}

void AnomalyRules::judge_logins(ActivityHistory& ports, const Look& look, std::vector<Suspicion>& found) {
  if (!look.settings.of(AnomalyKind::kBruteForce).on) return;
  ports.for_each(look.second, [&](const ActivityRecord& record) {
    if (record.counts(kWindows - 1).marked == 0) return;
    Suspicion best{};
    for (std::size_t w = 0; w < kWindows; ++w) {
      const Counts counts = record.counts(w);
      if (counts.marked == 0) continue;
      if (w == 0 && record.touched == look.second)
        usual_logins_.learn(std::min<double>(counts.marked, look.floor(AnomalyKind::kBruteForce, 0) / 2),
                            kSubjectsRemembered);
      const double hosts = std::max(1.0, record.distinct(w));
      if (counts.marked < kLeastTries[w] * hosts) continue;
      Suspicion made = suspicion_of(AnomalyKind::kBruteForce, record, w);
      made.measure = counts.marked;
      made.spread = hosts;
      add_counts(made, counts);
      add_example(made, record);
      look.rate(made, w == 0 ? usual_logins_ : Baseline{});
      if (best.record == nullptr || better(made, best)) best = made;
    }
    if (best.record != nullptr && best.strength >= kGoesOn) found.push_back(best);
  });
}

// Of a service, which has a baseline of its own.
void AnomalyRules::learn_rates(ActivityRecord& record, double most, double far, const Look& look) {
  const bool now = record.touched == look.second;
  const double opened = now ? record.fresh_opened + record.fresh_refused : 0;
  const double answered = now ? std::min<double>(record.fresh_answered, opened) : 0;
  const double unanswered = (opened - answered) / look.elapsed;
  record.opened_rate.learn(std::min(opened / look.elapsed, std::max(far, most)), kSecondsRemembered);
  record.unanswered_rate.learn(
      std::min(unanswered, std::max(most, record.unanswered_rate.above(look.settings.deviations / 2))),
      kSecondsRemembered);
}

void AnomalyRules::judge_floods(ActivityHistory& services, const Look& look, std::vector<Suspicion>& found) {
  services.for_each(look.second, [&](ActivityRecord& record) {
    const AnomalyKind kind =
        record.subject.protocol == net::protocol::kUdp ? AnomalyKind::kUdpFlood : AnomalyKind::kSynFlood;
    const Counts counts = record.counts(0);
    const std::uint32_t all = counts.opened + counts.refused;
    const std::uint32_t unanswered = record.unanswered(0, look.second);
    const double seconds = record.covered(0, look.second, look.began);
    Suspicion made = suspicion_of(kind, record, 0);
    made.measure = unanswered / seconds;
    made.opened_rate = all / seconds;
    made.usual_opened_rate = record.opened_rate.mean();
    look.rate(made, record.unanswered_rate);
    // That much is unanswered may be the service's fault, that much more is opened is not.
    const double far = std::max({kFarOverUsual * record.opened_rate.mean(),
                                 record.opened_rate.above(look.settings.deviations / 2), 1.0});
    if (made.opened_rate < far) made.strength = std::min(made.strength, 0.99 * made.opened_rate / far);
    if (unanswered < kLeastUnanswered * all) made.strength = 0;
    if (made.strength < 1) learn_rates(record, look.most(kind, 0), far, look);
    if (made.strength < kGoesOn || !look.settings.of(kind).on) return;
    made.spread = record.distinct(0);
    add_counts(made, counts);
    add_example(made, record);
    found.push_back(made);
  });
}

void AnomalyRules::judge_domains(ActivityHistory& domains, const Look& look, std::vector<Suspicion>& found) {
  domains.for_each(look.second, [&](const ActivityRecord& record) {
    if (is_one_of(look.settings.no_tunnels, record)) return;
    learn(Track::kDomain, record, AnomalyKind::kDnsTunnel, look);
    if (!look.settings.of(AnomalyKind::kDnsTunnel).on) return;
    Suspicion best{};
    for (std::size_t w = 0; w < kWindows; ++w) {
      const Counts counts = record.counts(w);
      if (counts.opened < kLeastOfOne) continue;
      Suspicion made = suspicion_of(AnomalyKind::kDnsTunnel, record, w);
      made.measure = std::min<double>(counts.opened, record.distinct(w));
      if (made.measure < kLeastNew * counts.opened) continue;
      add_counts(made, counts);
      look.rate(made, usual(Track::kDomain, w));
      if (best.record == nullptr || better(made, best)) best = made;
    }
    if (best.record != nullptr && best.strength >= kGoesOn) found.push_back(best);
  });
}

std::vector<Suspicion> AnomalyRules::judge(Histories& histories, const AnomalySettings& settings,
                                           std::uint32_t second, std::uint32_t elapsed, std::uint32_t began) {
  const Look look{.settings = settings, .second = second, .elapsed = std::max(elapsed, 1U), .began = began};
  std::vector<Suspicion> found;
  judge_spread(histories.pairs, AnomalyKind::kPortScan, Track::kPair, look, found);
  judge_spread(histories.ports, AnomalyKind::kHostSweep, Track::kPort, look, found);
  judge_floods(histories.services, look, found);
  judge_logins(histories.ports, look, found);
  judge_domains(histories.domains, look, found);
  return found;
}

}  // namespace millrace::firewall::inspection
