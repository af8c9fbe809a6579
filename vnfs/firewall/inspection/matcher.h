// SPDX-License-Identifier: BSD-3-Clause
// Which signatures match what a packet has brought.
//
// The bytes of a direction are one span that grows: of a stream and of a body each call brings all of it from
// the beginning, and only what is new, and as much before it as the longest fast pattern, is scanned. A
// signature whose fast pattern is there is evaluated on the whole span; one that lacks bytes that may still
// come waits, by number, in the direction's MatchState.
//
// A signature matches when all of it holds at one of the calls at which it is evaluated: when its fast
// pattern is new, and, if it has waited since then, when one of its buffers has more. Bits of the session are
// asked before bytes: who does not have them does not wait.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "common/base/counter.h"
#include "common/base/result.h"
#include "vnfs/firewall/inspection/evaluation.h"
#include "vnfs/firewall/inspection/flow_bits.h"
#include "vnfs/firewall/inspection/match_state.h"
#include "vnfs/firewall/inspection/signature_set.h"
#include "vnfs/firewall/inspection/thresholds.h"

namespace millrace::firewall::inspection {

struct Hit {
  std::uint32_t signature;  // its number in the set
  Buffer buffer;
  std::uint32_t end;  // in that buffer, behind what was found last
  bool told;          // false: what the signature does is done, and nobody is told (noalert, threshold)
};

struct Hits {
  static constexpr std::size_t kMost = 8;

  std::array<Hit, kMost> hits;  // the first `count`
  std::size_t count = 0;
  std::uint32_t more = 0;  // that had no room

  [[nodiscard]] std::span<const Hit> all() const noexcept { return std::span(hits).first(count); }
};

struct MatchOutcome {
  Buffers waits = 0;       // if one of these comes or grows, something may match: call again
  bool passed = false;     // the last hit is a pass signature: look no further at this session
  bool exhausted = false;  // the direction has used up its work: not everything was evaluated
};

// One worker's own, for one set. Made on the control thread.
class Matcher {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Matcher>> make(std::shared_ptr<const SignatureSet> set);

  // The hits, added to `hits`, in the order of their numbers. Each signature hits once in a direction, and
  // one that looks at parts with a name once in a message.
  [[nodiscard]] MatchOutcome match(const Subject& subject, MatchState& state, FlowBits& bits,
                                   Thresholds& thresholds, Hits& hits) noexcept;

  [[nodiscard]] const SignatureSet& set() const noexcept { return *set_; }
  // Any thread.
  [[nodiscard]] std::uint64_t evaluations() const noexcept { return evaluations_.read(); }
  [[nodiscard]] std::uint64_t regexes_given_up() const noexcept { return regexes_given_up_.read(); }
  [[nodiscard]] std::uint64_t scan_failures() const noexcept { return scan_failures_.read(); }

 private:
  struct Call;
  struct Found {
    Buffer buffer = Buffer::kPayload;
    std::size_t end = 0;
  };
  enum class Verdict : std::uint8_t {
    kMatches,
    kNever,  // whatever more comes
    kMay,    // with more bytes
  };

  Matcher(std::shared_ptr<const SignatureSet> set, RegexRoom room, std::optional<dpi::Scratch> scratch);

  void find_candidates(Call& call) noexcept;
  [[nodiscard]] static std::size_t scan_begin(Call& call, Buffer buffer) noexcept;
  void scan(Call& call, const Prefilter& prefilter, Bytes bytes, std::size_t from) noexcept;
  void find_waiting(Call& call) noexcept;
  [[nodiscard]] bool has_come(Call& call, const BufferChecks& in, const Content& content) const noexcept;
  void find_by_header(Call& call) noexcept;
  void add_candidate(std::uint32_t signature) noexcept;
  [[nodiscard]] bool header_holds(Call& call, const CompiledSignature& signature) const noexcept;
  [[nodiscard]] bool ends_hold(const Call& call, const CompiledSignature& signature,
                               bool reversed) const noexcept;
  [[nodiscard]] Verdict evaluate(Call& call, std::uint32_t number, Found& found, Waiting& waiting) noexcept;
  void judge(Call& call, std::uint32_t number) noexcept;
  void hit(Call& call, std::uint32_t number, const Found& found) noexcept;

  std::shared_ptr<const SignatureSet> set_;
  RegexRoom room_;
  std::optional<dpi::Scratch> scratch_;
  std::vector<std::uint64_t> marked_;      // a bit for each signature that is a candidate
  std::vector<std::uint32_t> candidates_;  // the first candidate_count_
  std::size_t candidate_count_ = 0;
  Counter evaluations_;
  Counter regexes_given_up_;
  Counter scan_failures_;
};

}  // namespace millrace::firewall::inspection
