// SPDX-License-Identifier: BSD-3-Clause
// The firewall as the appliance's machinery sees it.
#pragma once

#include "common/appliance/vnf.h"
#include "vnfs/firewall/anomaly_keeper.h"
#include "vnfs/firewall/flow_logging.h"
#include "vnfs/firewall/inspection_logging.h"
#include "vnfs/firewall/profile.h"
#include "vnfs/firewall/rule_slots.h"
#include "vnfs/firewall/rule_totals.h"
#include "vnfs/firewall/worker_state.h"

namespace millrace::firewall {

// Each call is a few lines around the file that knows the topic.
class Firewall final : public appliance::Vnf {
 public:
  [[nodiscard]] std::string_view kind() const override { return "firewall"; }
  [[nodiscard]] std::span<const core::DropReason> drop_reasons() const override;
  [[nodiscard]] std::span<const std::string_view> stage_names() const override;

  [[nodiscard]] control::Checked<std::shared_ptr<const appliance::LoadedProfile>> load(
      std::string_view text, const std::string& file, const control::ResolveFile& resolve) override;
  [[nodiscard]] Result<appliance::CompiledPolicy> compile(const appliance::LoadedProfile& profile,
                                                          const appliance::CompileContext& context) override;
  [[nodiscard]] std::unique_ptr<core::Function> make_function(const appliance::LoadedProfile& profile,
                                                              const core::WorkerServices& services) override;
  [[nodiscard]] bool needs_other_workers(const appliance::LoadedProfile& running,
                                         const appliance::LoadedProfile& next) const override;
  [[nodiscard]] std::optional<std::uint64_t> seconds_to_next_change(const appliance::LoadedProfile& profile,
                                                                    std::time_t since) const override;

  [[nodiscard]] std::vector<control::Metric> metrics(appliance::Workers workers,
                                                     const core::Snapshot& snapshot) override;
  [[nodiscard]] std::uint64_t session_count(appliance::Workers workers) override;
  [[nodiscard]] Result<control::SessionPage> sessions(appliance::Workers workers,
                                                      const core::Snapshot& snapshot,
                                                      const control::PacketMatch& match,
                                                      std::string_view cursor, unsigned most) override;
  [[nodiscard]] Result<std::uint64_t> flush_sessions(appliance::Workers workers,
                                                     const core::Snapshot& snapshot,
                                                     const control::PacketMatch& match) override;
  [[nodiscard]] Result<boost::json::object> explain(appliance::Workers workers,
                                                    const core::Snapshot& snapshot,
                                                    const boost::json::object& packet) override;
  [[nodiscard]] std::optional<boost::json::value> own(appliance::Workers workers,
                                                      const core::Snapshot& snapshot, std::string_view what,
                                                      control::Members& query) override;
  [[nodiscard]] std::span<const std::string_view> own_names() const override;
  [[nodiscard]] std::optional<Result<void>> remove_own(std::string_view what, std::string_view name) override;
  [[nodiscard]] std::function<Result<std::string>()> export_sessions(appliance::Workers workers,
                                                                     const core::Snapshot& snapshot) override;
  [[nodiscard]] Result<control::Appliance::Imported> import_sessions(appliance::Workers workers,
                                                                     const core::Snapshot& snapshot,
                                                                     std::string_view stream) override;
  void begin(const ControlServices& services) override;
  Result<void> open_logs(const appliance::LoadedProfile& profile, const core::Snapshot& snapshot) override;
  void write_logs(appliance::Workers workers) override;
  void end_logs(appliance::Workers workers) override;
  void reopen_logs() override;
  void move_sessions(appliance::Workers before, appliance::Workers after,
                     const core::Snapshot& snapshot) override;

 private:
  RuleSlots slots_{Limits{}.rule_slots};
  RuleTotals totals_;
  profile::ThreatListReader lists_;
  FlowLogging logging_;
  InspectionCompiler inspections_;
  InspectionLogging events_{inspections_};
  AnomalyKeeper anomalies_{[this](std::string line) { events_.write_line(std::move(line)); }};
};

}  // namespace millrace::firewall
