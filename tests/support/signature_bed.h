// SPDX-License-Identifier: BSD-3-Clause
// Signatures written short, and a worker that matches them.
#pragma once

#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vnfs/firewall/inspection/compile_signatures.h"
#include "vnfs/firewall/inspection/matcher.h"

namespace millrace::firewall::inspection {

inline Bytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

inline Number number(std::int64_t value) { return {.value = value}; }
inline Number variable(std::int8_t which) { return {.value = 0, .variable = which}; }

// content("abc").nocase().distance(1)...
struct content {
  Content made;

  // NOLINTNEXTLINE(google-explicit-constructor): reads like a rule
  content(std::string bytes) { made.bytes = std::move(bytes); }
  content& nocase() { return made.caseless = true, *this; }
  content& no() { return made.negated = true, *this; }
  content& fast() { return made.fast_pattern = true, *this; }
  content& endswith() { return made.ends_buffer = true, *this; }
  content& offset(std::int64_t value) { return made.offset = number(value), *this; }
  content& depth(std::int64_t value) { return made.depth = number(value), *this; }
  content& distance(std::int64_t value) { return made.distance = number(value), *this; }
  content& within(std::int64_t value) { return made.within = number(value), *this; }
  operator Test() const { return made; }  // NOLINT(google-explicit-constructor)
};

inline Signature signature(std::vector<BufferTests> buffers, std::uint32_t id = 1) {
  Signature made;
  made.protocol = 6;
  made.buffers = std::move(buffers);
  made.id = id;
  return made;
}
inline Signature in_payload(std::vector<Test> tests, std::uint32_t id = 1) {
  return signature({{Buffer::kPayload, std::move(tests)}}, id);
}

class SignatureBed {
 public:
  explicit SignatureBed(std::vector<Signature> signatures) {
    auto compiled = compile_signatures(std::move(signatures), names);
    if (!compiled) throw std::runtime_error(compiled.error().message());
    made = std::move(*compiled);
    auto worker = Matcher::make(made.set);
    if (!worker) throw std::runtime_error(worker.error().message());
    matcher = std::move(*worker);
    subject.protocol = 6;
    subject.established = true;
    subject.parts = &parts;
  }

  // The ids of what matches, in the order told. What is fresh is forgotten then.
  std::vector<std::uint32_t> ids() {
    hits = {};
    outcome = matcher->match(subject, state, bits, thresholds, hits);
    subject.fresh = 0;
    std::vector<std::uint32_t> found;
    for (const Hit& hit : hits.all()) found.push_back(made.set->about(hit.signature).id);
    return found;
  }
  void put(Buffer buffer, std::string_view text, bool grows = false) {
    parts.set(buffer, bytes_of(text), grows);
    subject.fresh |= bit(buffer);
  }
  // The payload so far of a stream that goes on.
  std::vector<std::uint32_t> stream(std::string_view text) {
    put(Buffer::kPayload, text, true);
    return ids();
  }
  void next_session() {
    state = {};
    bits = {};
    parts = {};
  }

  FlowBitNames names;
  CompiledSet made;
  std::unique_ptr<Matcher> matcher;
  Thresholds thresholds{64, {1, 2}};
  MatchState state;
  FlowBits bits;
  Parts parts;
  Subject subject;
  Hits hits;
  MatchOutcome outcome;
};

// Whether one signature with these tests matches a stream that has been these bytes all along.
inline bool matches(std::vector<Test> tests, std::string_view text) {
  SignatureBed bed({in_payload(std::move(tests))});
  if (!bed.made.left_out.empty()) throw std::runtime_error(bed.made.left_out[0].reason);
  return !bed.stream(text).empty();
}

}  // namespace millrace::firewall::inspection
