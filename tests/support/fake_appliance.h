// SPDX-License-Identifier: BSD-3-Clause
// An appliance that is all data: it answers what the test has put into it and remembers what it was asked.
#pragma once

#include <boost/json.hpp>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/control/appliance.h"

namespace millrace::test {

class FakeAppliance : public control::Appliance {
 public:
  FakeAppliance();

  control::Health state;
  std::vector<control::Metric> counters;
  std::string profile = "vnf: firewall\n";
  control::ProfileOutcome outcome;
  std::vector<boost::json::value> all_sessions;  // the cursor is the index of the next one
  control::DrainStatus drain;
  std::map<std::string, boost::json::value, std::less<>> listings;
  boost::json::object explanation;
  boost::json::array traced;
  std::string captured;
  std::vector<std::string> exported;
  std::map<std::string, std::vector<std::string>, std::less<>> backends;  // by service; none: of no balancer
  std::set<std::string, std::less<>> blocked;                             // sources
  unsigned worker_count = 2;
  std::optional<Error> trouble;  // every call that can fail fails with it

  // How asynchronous answers come: at once, unless a test puts them off.
  std::function<void(std::function<void()>)> later = [](const std::function<void()>& answer) { answer(); };

  struct Asked {
    std::optional<control::PacketMatch> match;
    std::string profile;
    std::string file;
    bool check_only = false;
    unsigned packets = 0;
    unsigned timeout_ms = 0;
    unsigned snap_length = 0;
    boost::json::object packet;
    std::string imported;
    std::optional<control::BackendChange> backend;
    unsigned calls = 0;  // of any kind but the plain readings
  };
  Asked asked;

  [[nodiscard]] std::string_view vnf() const override { return "firewall"; }
  [[nodiscard]] std::string_view name() const override { return "fw-test"; }
  [[nodiscard]] std::string_view version() const override { return "1.2.3"; }
  [[nodiscard]] control::Health health() override { return state; }
  [[nodiscard]] std::vector<control::Metric> metrics() override { return counters; }
  [[nodiscard]] std::string profile_text() override { return profile; }
  void apply_profile(std::string text, std::string file, bool check_only,
                     std::function<void(control::ProfileOutcome)> done) override;
  [[nodiscard]] Result<control::SessionPage> sessions(const control::PacketMatch& match,
                                                      std::string_view cursor, unsigned most) override;
  [[nodiscard]] Result<std::uint64_t> flush_sessions(const control::PacketMatch& match) override;
  void set_draining(bool draining) override;
  [[nodiscard]] control::DrainStatus drain_status() override { return drain; }
  [[nodiscard]] Result<boost::json::object> explain(const boost::json::object& packet) override;
  void trace(const control::PacketMatch& match, const Patience& patience,
             std::function<void(Result<boost::json::array>)> done) override;
  void capture(const control::PacketMatch& match, const Patience& patience, unsigned snap_length,
               std::function<void(Result<std::string>)> done) override;
  void set_workers(unsigned count, std::function<void(Result<void>)> done) override;
  [[nodiscard]] unsigned workers() const override { return worker_count; }
  [[nodiscard]] std::optional<boost::json::value> own(std::string_view what,
                                                      control::Members& query) override;
  [[nodiscard]] std::vector<std::string_view> own_names() const override;
  [[nodiscard]] std::optional<Result<void>> remove_own(std::string_view what, std::string_view name) override;
  [[nodiscard]] std::optional<Result<void>> change_backend(const control::BackendChange& change) override;
  [[nodiscard]] std::function<Result<std::string>()> export_sessions() override;
  [[nodiscard]] Result<Imported> import_sessions(std::string_view stream) override;
};

}  // namespace millrace::test
