// SPDX-License-Identifier: BSD-3-Clause
// What is looked for in the sessions of rules that name it, as the policy has it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "vnfs/firewall/inspection/matcher.h"
#include "vnfs/firewall/inspection/signature_set.h"
#include "vnfs/firewall/inspection/stream.h"

namespace millrace::firewall::inspection {

enum class OnMatch : std::uint8_t { kAsWritten, kAlert, kDrop };

// What people want to know of it.
struct InspectionReport {
  struct Skipped {
    std::string where;  // FILE:LINE
    std::uint32_t id = 0;
    std::string reason;
  };
  std::size_t signatures = 0;  // in force
  std::size_t disabled = 0;
  std::vector<Skipped> skipped;
  std::size_t patterns = 0;
  std::size_t memory_bytes = 0;  // of the compiled patterns
  std::string not_cached;        // why they will be compiled anew at the next start; or empty
};

// Immutable but for the workers' matchers, each of which is its worker's alone.
struct Inspection {
  std::string name;
  std::uint32_t serial = 0;  // events name it so; no other inspection of the process has it
  std::shared_ptr<const SignatureSet> set;
  std::shared_ptr<const InspectionReport> report;
  std::vector<std::shared_ptr<Matcher>> matchers;  // by worker
  StreamSettings streams;
  OnMatch on_match = OnMatch::kAsWritten;
  std::uint16_t copied_packets = 0;  // of a session, from the first match that is told on
  bool drop_when_overloaded = false;
  // Of a worker that is behind one new session in so many is looked into; 0: none.
  std::uint32_t sampled = 0;
};

}  // namespace millrace::firewall::inspection
