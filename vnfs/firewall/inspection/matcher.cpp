// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/matcher.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "vnfs/firewall/inspection/header_checks.h"

namespace millrace::firewall::inspection {
namespace {

constexpr std::uint8_t kTcp = 6;
constexpr std::uint32_t kNoClass = 0xffffffff;

// Where the state remembers how much of a buffer was scanned; of no other has it been.
std::optional<std::size_t> growing_place(Buffer buffer, const Subject& subject) noexcept {
  switch (buffer) {
    case Buffer::kPayload:
      if (subject.protocol != kTcp || subject.by_segment) return std::nullopt;
      return MatchState::kStream;
    case Buffer::kHttpRequestBody:
    case Buffer::kHttpResponseBody:
      return MatchState::kBody;
    case Buffer::kFileData:
      return MatchState::kFile;
    default:
      return std::nullopt;
  }
}

}  // namespace

// What match() hands from step to step.
struct Matcher::Call {
  const Subject& subject;
  MatchState& state;
  FlowBits& bits;
  Thresholds& thresholds;
  Hits& hits;
  MatchOutcome outcome{};
  Work work{};
  Buffers present = 0;
  Buffers fresh = 0;
  bool scan_again = false;              // all that is there, from the beginning
  std::array<std::uint32_t, 3> seen{};  // state.scanned before this call
  std::uint32_t source_class = kNoClass;
  std::uint32_t destination_class = kNoClass;

  [[nodiscard]] Bytes bytes(Buffer buffer) const noexcept { return (*subject.parts)[buffer]; }
  void find_classes(const AddressSets& addresses) noexcept {
    if (source_class != kNoClass) return;
    source_class = addresses.class_of(subject.source);
    destination_class = addresses.class_of(subject.destination);
  }
};

Result<std::unique_ptr<Matcher>> Matcher::make(std::shared_ptr<const SignatureSet> set) {
  auto room = RegexRoom::make();
  if (!room) return tl::unexpected(std::move(room.error()));
  std::optional<dpi::Scratch> scratch;
  if (set->scratch()) {
    auto cloned = set->scratch()->clone();
    if (!cloned) return tl::unexpected(std::move(cloned.error()));
    scratch = std::move(*cloned);
  }
  return std::unique_ptr<Matcher>(new Matcher(std::move(set), std::move(*room), std::move(scratch)));
}

Matcher::Matcher(std::shared_ptr<const SignatureSet> set, RegexRoom room, std::optional<dpi::Scratch> scratch)
    : set_(std::move(set)),
      room_(std::move(room)),
      scratch_(std::move(scratch)),
      marked_(set_->signatures().size() / 64 + 1),
      candidates_(set_->signatures().size()) {}

void Matcher::add_candidate(std::uint32_t signature) noexcept {
  std::uint64_t& word = marked_[signature / 64];
  const std::uint64_t bit = std::uint64_t{1} << signature % 64;
  if ((word & bit) != 0) return;
  word |= bit;
  candidates_[candidate_count_++] = signature;
}

void Matcher::scan(Call& call, const Prefilter& prefilter, Bytes bytes, std::size_t from) noexcept {
  for (const std::uint32_t signature : prefilter.always) add_candidate(signature);
  if (prefilter.database == nullptr || from >= bytes.size()) return;
  const auto outcome =
      dpi::scan(*prefilter.database, *scratch_, bytes.subspan(from), [&](dpi::Match match) noexcept {
        const std::uint64_t end = from + match.end;
        for (const Prefilter::Use& use : prefilter.uses_of(match.pattern)) {
          if (end >= use.least_end && end <= use.most_end) add_candidate(use.signature);
        }
        return true;
      });
  if (outcome == dpi::Outcome::kDone) return;
  scan_failures_.add(1);
  call.outcome.exhausted = true;
}

// From where a buffer is to be scanned. New bytes give work to do; those that are scanned again take it.
std::size_t Matcher::scan_begin(Call& call, Buffer buffer) noexcept {
  const std::size_t size = call.bytes(buffer).size();
  const auto place = growing_place(buffer, call.subject);
  const bool grows = (call.subject.parts->growing & bit(buffer)) != 0;
  const bool is_new = (call.subject.fresh & bit(buffer)) != 0 && !grows;
  const std::size_t seen = place ? std::min<std::size_t>(call.seen[*place], size) : is_new ? 0 : size;
  call.work.earn((size - seen) * MatchState::kWorkPerByte, MatchState::kMostWork);
  if (place) call.state.scanned[*place] = static_cast<std::uint32_t>(size);
  if (!call.scan_again && (place || is_new)) return seen;
  if (call.work.left < seen) {
    call.outcome.exhausted = true;
    return seen;
  }
  call.work.left -= seen;
  return 0;
}

void Matcher::find_candidates(Call& call) noexcept {
  const auto carrier = SignatureSet::carrier_of(call.subject.protocol, call.subject.by_segment);
  for (Buffers left = call.fresh; left != 0; left &= left - 1) {
    const auto buffer = static_cast<Buffer>(std::countr_zero(left));
    const Prefilter& prefilter = set_->prefilter(SignatureSet::place_of(buffer, call.subject.side, carrier));
    const std::size_t begin = scan_begin(call, buffer);
    const std::size_t overlap = prefilter.longest == 0 ? 0 : prefilter.longest - 1;
    if (!prefilter.empty()) scan(call, prefilter, call.bytes(buffer), begin - std::min(begin, overlap));
  }
}

// Whether the content that a waiting signature lacks is in what is fresh.
bool Matcher::has_come(Call& call, const BufferChecks& in, const Content& content) const noexcept {
  const auto place = growing_place(in.buffer, call.subject);
  if (!place || (call.fresh & bit(in.buffer)) == 0) return false;
  const std::size_t overlap = content.bytes.size() - 1;
  const Bytes bytes = call.bytes(in.buffer);
  const std::size_t from = std::min<std::size_t>(call.seen[*place], bytes.size());
  const Bytes fresh = bytes.subspan(from - std::min(from, overlap));
  if (!call.work.spend(fresh.size())) return true;
  return find_content(fresh, content) != kNowhere;
}

// Takes those off the list that what is fresh may decide: who still has to wait is put on it again.
void Matcher::find_waiting(Call& call) noexcept {
  MatchState& state = call.state;
  const std::size_t count = std::exchange(state.waiting_count, std::uint8_t{0});
  for (std::size_t i = 0; i < count; ++i) {
    Waiting waiting = state.waiting[i];
    const CompiledSignature& signature = set_->signatures()[waiting.signature()];
    bool lacks = (signature.needs & call.fresh) == 0;
    if (!lacks && waiting.misses_content()) {
      const BufferChecks& in = signature.buffers[waiting.buffer()];
      lacks = !has_come(call, in, std::get<Content>(in.checks[waiting.check()]));
      if (!lacks) waiting = Waiting(waiting.signature());
    }
    if (lacks || (signature.needs & ~call.present & call.subject.coming) != 0) {
      state.waiting[state.waiting_count++] = waiting;
    } else {
      add_candidate(waiting.signature());
    }
  }
}

void Matcher::find_by_header(Call& call) noexcept {
  const Subject& subject = call.subject;
  const auto ask = [&](const HeaderIndex& index) noexcept {
    if (index.empty()) return;
    call.find_classes(set_->addresses());
    index.find(call.source_class, call.destination_class, subject.destination_port,
               [this](std::uint32_t signature) noexcept { add_candidate(signature); });
  };
  if (subject.opening) ask(set_->of_sessions());
  // Of a datagram with several messages, once.
  const bool is_packet = subject.protocol != kTcp && (subject.fresh & bit(Buffer::kPayload)) != 0;
  if (subject.by_segment || is_packet) ask(set_->of_packets());
}

bool Matcher::ends_hold(const Call& call, const CompiledSignature& signature, bool reversed) const noexcept {
  const std::uint32_t source = reversed ? call.destination_class : call.source_class;
  const std::uint32_t destination = reversed ? call.source_class : call.destination_class;
  const std::uint16_t source_port = reversed ? call.subject.destination_port : call.subject.source_port;
  const std::uint16_t destination_port = reversed ? call.subject.source_port : call.subject.destination_port;
  const AddressSets& addresses = set_->addresses();
  return port_holds(signature.source_ports, source_port) &&
         port_holds(signature.destination_ports, destination_port) &&
         (signature.source == 0 || addresses.holds(source, signature.source)) &&
         (signature.destination == 0 || addresses.holds(destination, signature.destination));
}

bool Matcher::header_holds(Call& call, const CompiledSignature& signature) const noexcept {
  if (!packet_holds(signature, call.subject)) return false;
  call.find_classes(set_->addresses());
  return ends_hold(call, signature, false) || (signature.both_ways && ends_hold(call, signature, true));
}

Matcher::Verdict Matcher::evaluate(Call& call, std::uint32_t number, Found& found,
                                   Waiting& waiting) noexcept {
  const CompiledSignature& signature = set_->signatures()[number];
  waiting = Waiting(number);
  const Buffers absent = signature.needs & ~call.present;
  if ((absent & ~call.subject.coming) != 0) return Verdict::kNever;
  evaluations_.add(1);
  Variables variables{};
  for (std::size_t i = 0; i < signature.buffers.size(); ++i) {
    const BufferChecks& checks = signature.buffers[i];
    if ((bit(checks.buffer) & absent) != 0) continue;
    const bool grows = (call.subject.parts->growing & bit(checks.buffer)) != 0;
    const Subjected subjected{call.bytes(checks.buffer), grows, checks.buffer != Buffer::kPayload};
    Evaluation evaluation(checks, subjected, variables, room_, call.work);
    if (evaluation.holds()) {
      found = {checks.buffer, evaluation.end()};
      continue;
    }
    if (!evaluation.open()) return Verdict::kNever;
    const std::size_t missing = evaluation.missing();
    if (missing != Evaluation::kNone && growing_place(checks.buffer, call.subject))
      waiting = Waiting(number, i, missing);
    return Verdict::kMay;
  }
  return absent == 0 ? Verdict::kMatches : Verdict::kMay;
}

void Matcher::hit(Call& call, std::uint32_t number, const Found& found) noexcept {
  const CompiledSignature& signature = set_->signatures()[number];
  const Subject& subject = call.subject;
  const auto within = [&](const Threshold& threshold) noexcept {
    return call.thresholds.passes(threshold, signature.key, subject.source, subject.destination, subject.now);
  };
  const bool of_message = (signature.needs & ~bit(Buffer::kPayload)) != 0;
  if (signature.detection_filter && !within(*signature.detection_filter)) return;
  const bool within_threshold = !signature.threshold || within(*signature.threshold);
  const bool told = !signature.silent && within_threshold;
  change_flow_bits(signature, call.bits);
  // What is still being counted may match again in this direction.
  if (within_threshold || signature.threshold->kind == Threshold::Kind::kLimit)
    call.state.fire(signature.key, of_message);
  call.outcome.passed = signature.response == Response::kPass;
  if (call.hits.count == Hits::kMost) {
    ++call.hits.more;
    return;
  }
  call.hits.hits[call.hits.count++] = {number, found.buffer, static_cast<std::uint32_t>(found.end), told};
}

void Matcher::judge(Call& call, std::uint32_t number) noexcept {
  const CompiledSignature& signature = set_->signatures()[number];
  MatchState& state = call.state;
  if (!header_holds(call, signature) || !flow_bits_hold(signature, call.bits) ||
      state.has_fired(signature.key))
    return;
  Found found;
  Waiting waiting;
  switch (evaluate(call, number, found, waiting)) {
    case Verdict::kMatches:
      hit(call, number, found);
      return;
    case Verdict::kNever:
      return;
    case Verdict::kMay:
      break;
  }
  if (call.subject.by_segment) return;
  if (state.waiting_count == MatchState::kMostWaiting) {
    state.scan_again = true;
  } else {
    state.waiting[state.waiting_count++] = waiting;
  }
}

MatchOutcome Matcher::match(const Subject& subject, MatchState& state, FlowBits& bits, Thresholds& thresholds,
                            Hits& hits) noexcept {
  if (state.generation != set_->generation()) {
    state.generation = set_->generation();
    state.waiting_count = 0;
    state.scan_again = false;
  }
  Call call{.subject = subject, .state = state, .bits = bits, .thresholds = thresholds, .hits = hits};
  call.work.left = state.work;
  call.seen = state.scanned;
  call.present = subject.parts == nullptr ? 0 : subject.parts->present;
  if (!subject.by_segment) call.scan_again = std::exchange(state.scan_again, false);
  call.fresh = call.scan_again ? call.present : subject.fresh & call.present;

  if (call.scan_again) state.waiting_count = 0;
  if (!subject.by_segment) find_waiting(call);
  find_candidates(call);
  find_by_header(call);

  std::sort(candidates_.begin(), candidates_.begin() + static_cast<std::ptrdiff_t>(candidate_count_));
  for (std::size_t i = 0; i < candidate_count_; ++i) {
    const std::uint32_t number = candidates_[i];
    marked_[number / 64] = 0;
    if (!call.outcome.passed && !call.work.exhausted) judge(call, number);
  }
  candidate_count_ = 0;
  state.work = static_cast<std::uint32_t>(call.work.left);
  if (call.work.regexes_given_up != 0) regexes_given_up_.add(call.work.regexes_given_up);
  call.outcome.exhausted = call.outcome.exhausted || call.work.exhausted;
  if (state.scan_again) call.outcome.waits = ~Buffers{0};
  for (std::size_t i = 0; i < state.waiting_count; ++i) {
    const Buffers needs = set_->signatures()[state.waiting[i].signature()].needs;
    const Buffers growing = subject.parts == nullptr ? 0 : subject.parts->growing;
    call.outcome.waits |= needs & (growing | (~call.present & subject.coming));
  }
  return call.outcome;
}

}  // namespace millrace::firewall::inspection
