// SPDX-License-Identifier: BSD-3-Clause
// What the profile says of lists of what is known to be bad, and how their files are read.
#pragma once

#include <cstdint>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/siphash.h"
#include "common/control/profile/section.h"
#include "common/control/profile/types.h"
#include "vnfs/firewall/inspection/list_kind.h"
#include "vnfs/firewall/inspection/threat_lists.h"

namespace millrace::firewall::profile {

struct Section;

struct ThreatList {
  control::Position at;
  control::Located<std::string> name;
  control::Located<inspection::ListKind> kind;
  control::Located<std::string> file;
  inspection::ListAction action = inspection::ListAction::kDrop;
  std::uint8_t severity = 1;  // 1 is the worst

  // Once the file was read.
  std::string path;
  std::time_t modified = 0;  // the file, that is
};

[[nodiscard]] std::shared_ptr<const control::Struct<ThreatList>> threat_list_table();

// Reads the files that profiles name. What a file holds is shared with all profiles that still live and whose
// file held the same. One for the appliance; one call at a time.
class ThreatListReader {
 public:
  // Draws a secret seed at the first list.
  ThreatListReader() = default;

  // Sets the section's lists, or tells what can not be read.
  void read(Section& section, const control::CheckContext& context);

 private:
  [[nodiscard]] Result<inspection::ThreatLists::Member> read_one(ThreatList& wanted,
                                                                 const control::CheckContext& context);
  [[nodiscard]] inspection::ThreatLists known() const;

  std::optional<SipKey> seed_;
  std::vector<std::weak_ptr<const inspection::ThreatList>> read_;  // those that may still be in use
};

}  // namespace millrace::firewall::profile
