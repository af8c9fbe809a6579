// SPDX-License-Identifier: BSD-3-Clause
// The logs of who had which outside address and port that a profile asks for, open and fed.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "common/appliance/vnf.h"
#include "vnfs/nat/nat_event_log.h"
#include "vnfs/nat/nat_record.h"
#include "vnfs/nat/profile.h"

namespace millrace::control {
template <class Record>
class RecordSink;
}

namespace millrace::nat {

using NatSink = control::RecordSink<NatRecord>;

// Control thread.
class EventLogging {
 public:
  // Opens what the profile names and was not open, closes what it no longer names.
  Result<void> open(const control::Profile& profile, const profile::Section& own,
                    const core::Network& network);
  void write(appliance::Workers workers);
  // No worker runs, and none will: ends all sessions and mappings, takes back all blocks and tells of it, as
  // far as the sinks take it within kEndMs.
  void end(appliance::Workers workers);
  void reopen();
  [[nodiscard]] std::vector<control::Metric> metrics(appliance::Workers workers) const;

 private:
  static constexpr std::chrono::milliseconds kEndMs{2'000};
  static constexpr std::size_t kAtOnce = 256;
  static constexpr unsigned kMostPerPoll = 16'384;

  // A sink and what it was opened for; "" when there is none.
  struct Open {
    std::shared_ptr<NatSink> sink;
    std::string target;
  };
  template <class Start>
  static Result<void> follow(Open& open, const std::string& target, Start&& start);
  [[nodiscard]] std::vector<NatSink*> sinks() const;
  void poll(NatEventLog& log);

  std::uint64_t tsc_per_second_ = 0;
  NatNames names_;
  Open ipfix_;
  Open syslog_;
  std::vector<NatEvent> events_ = std::vector<NatEvent>(kAtOnce);
  std::vector<NatRecord> records_;
};

}  // namespace millrace::nat
