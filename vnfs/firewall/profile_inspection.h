// SPDX-License-Identifier: BSD-3-Clause
// What the profile says of deep inspection. Values as they are written, but for files, whose text is here.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/control/profile/section.h"
#include "common/control/profile/types.h"
#include "common/net/address.h"

namespace millrace::firewall::profile {

using control::Located;
using control::PortRange;
using control::Position;

// One entry of `source` or `destination`: the name of a group, or prefixes (several when a range was
// written).
struct AddressTerm {
  std::string group;
  std::vector<net::Prefix> prefixes;
  bool negated = false;

  bool operator==(const AddressTerm&) const = default;
};

// Matches an address that lies in one of the plain terms (or there is none) and in none of the negated ones.
using AddressTerms = std::vector<Located<AddressTerm>>;

// What signatures write as $NAME.
struct AddressVariable {
  Located<std::string> name;
  AddressTerms terms;
};
struct PortVariable {
  Located<std::string> name;
  std::vector<PortRange> ports;
};

enum class OnMatch : std::uint8_t { kAsWritten, kAlert, kDrop };
enum class Conflicts : std::uint8_t { kDrop, kRewrite };
enum class WhenOverloaded : std::uint8_t { kPass, kDrop, kSample };

struct SignatureText {
  std::string path;
  std::shared_ptr<const std::string> text;
};

struct Inspection {
  Position at;
  Located<std::string> name;
  std::vector<Located<std::string>> files;  // of signatures
  std::vector<SignatureText> texts;         // what is in them
  std::vector<AddressVariable> addresses;
  std::vector<PortVariable> ports;
  std::vector<std::uint32_t> disable;  // signature ids
  OnMatch on_match = OnMatch::kAsWritten;
  std::uint64_t inspect_bytes = std::uint64_t{64} << 10;  // of each direction of a session
  Conflicts conflicts = Conflicts::kDrop;
  WhenOverloaded when_overloaded = WhenOverloaded::kPass;
  std::uint64_t sample = 16;  // with kSample
  Located<std::uint64_t> capture_packets{0, {}};
};

// A change of them moves all sessions to new tables.
struct InspectionLimits {
  std::uint64_t sessions = 16'384;                 // under inspection at a time
  std::uint64_t memory = std::uint64_t{64} << 20;  // of their bytes
  std::optional<std::string> cache;                // a folder
};

struct EventLog {
  std::string file;
  std::uint64_t payload_bytes = 256;
  std::optional<std::string> capture;  // a file
};

[[nodiscard]] std::shared_ptr<const control::Struct<Inspection>> inspection_table();
[[nodiscard]] std::shared_ptr<const control::Struct<InspectionLimits>> inspection_limits_table();
[[nodiscard]] std::shared_ptr<const control::Struct<EventLog>> event_log_table();

// Reads the files, and tells what can not be read.
void read_signatures(std::vector<Inspection>& inspections, const control::CheckContext& context);

}  // namespace millrace::firewall::profile
