// SPDX-License-Identifier: BSD-3-Clause
// From the profile's inspections to what the data path asks. Signatures that were compiled once are not
// compiled again when only other things change.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "vnfs/firewall/inspection/compile_signatures.h"
#include "vnfs/firewall/inspection/event_reader.h"
#include "vnfs/firewall/inspection/inspection.h"
#include "vnfs/firewall/profile.h"

namespace millrace::firewall {

// One for the appliance. One call at a time, on any thread but a worker's.
class InspectionCompiler {
 public:
  struct Compiled {
    std::vector<std::shared_ptr<const inspection::Inspection>> inspections;  // in the profile's order
    std::vector<std::string> notes;                                          // for the operator
  };

  // What events name by a serial number; nothing when it is long gone. Any thread.
  [[nodiscard]] std::optional<inspection::InspectionNames> names(std::uint32_t serial) const;

  // For workers 0 to `workers` - 1. May take seconds.
  [[nodiscard]] Result<Compiled> compile(const profile::Section& profile, unsigned workers);

 private:
  // What was made of one list of texts under the same variables.
  struct Known {
    std::shared_ptr<const inspection::SignatureSet> set;
    std::vector<std::shared_ptr<inspection::Matcher>> matchers;
    std::shared_ptr<const inspection::InspectionReport> report;
    std::uint64_t used = 0;  // by the call of this number
  };

  [[nodiscard]] Result<std::shared_ptr<Known>> find_or_make(const profile::Inspection& wanted,
                                                            const profile::Section& profile);
  [[nodiscard]] std::uint32_t serial_of(const std::string& name,
                                        const std::shared_ptr<const inspection::SignatureSet>& set);
  [[nodiscard]] Result<std::shared_ptr<Known>> make(const profile::Inspection& wanted,
                                                    const profile::Section& profile);

  inspection::FlowBitNames flow_bits_;
  std::map<std::string, std::shared_ptr<Known>> known_;         // by all that they are made of
  mutable std::mutex mutex_;                                    // of the next two
  std::map<std::uint32_t, inspection::InspectionNames> names_;  // by serial number
  std::uint32_t last_serial_ = 0;
  std::uint64_t calls_ = 0;
};

}  // namespace millrace::firewall
