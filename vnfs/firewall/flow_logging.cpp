// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/flow_logging.h"

#include <algorithm>

#include "common/control/flow_log/json_log.h"
#include "common/core/eal.h"
#include "vnfs/firewall/function.h"

namespace millrace::firewall {

Result<void> FlowLogging::open(const control::Profile& profile, const core::Network& network,
                               const RuleSlots& slots) {
  if (reader_ == nullptr) reader_ = std::make_unique<FlowLogReader>(core::tsc_per_second());
  const auto& flow_log = profile.telemetry.flow_log;
  const auto file = flow_log ? std::optional(OpenFile{flow_log->file, *flow_log->updates}) : std::nullopt;
  if (file != open_file_) {
    file_ = nullptr;
    open_file_.reset();
    if (file) {
      auto log =
          control::open_json_log({.path = file->path, .appliance = profile.name, .updates = file->updates});
      if (!log) return tl::unexpected(log.error());
      file_ = std::move(*log);
      open_file_ = file;
    }
  }
  const auto& ipfix = profile.telemetry.ipfix;
  const std::string target =
      ipfix ? ipfix->collector->host + " " + std::to_string(ipfix->collector->port) : std::string();
  if (target != exporter_target_) {
    exporter_ = nullptr;
    exporter_target_.clear();
    if (ipfix) {
      auto exporter =
          control::IpfixExporter::start({.host = ipfix->collector->host, .port = ipfix->collector->port});
      if (!exporter) return tl::unexpected(exporter.error());
      exporter_ = std::move(*exporter);
      exporter_target_ = target;
    }
  }

  FlowNames names;
  for (const RuleSlots::Holder& holder : slots.holders()) names.rules.push_back(holder.name);
  std::vector<control::IpfixInterface> interfaces;
  for (const core::Interface& interface : network.interfaces) {
    interfaces.push_back({static_cast<std::uint16_t>(names.interfaces.size()), interface.name});
    names.interfaces.push_back(interface.name);
  }
  for (const core::Domain& domain : network.domains) names.domains.push_back(domain.name);
  if (exporter_ != nullptr) exporter_->set_interfaces(std::move(interfaces));
  reader_->set_names(std::move(names));
  std::vector<std::shared_ptr<control::FlowSink>> sinks;
  if (file_ != nullptr) sinks.push_back(file_);
  if (exporter_ != nullptr) sinks.push_back(exporter_);
  reader_->set_sinks(std::move(sinks));
  return {};
}

void FlowLogging::write(appliance::Workers workers) {
  if (reader_ == nullptr) return;
  for (core::Worker* worker : workers) {
    reader_->poll(static_cast<FirewallFunction&>(worker->function()).state().flow_log);
  }
}

void FlowLogging::end(appliance::Workers workers) {
  constexpr unsigned kAtOnce = 4096;  // fewer than the rings and the sinks hold
  write(workers);
  if (file_ == nullptr && exporter_ == nullptr) return;
  using Clock = std::chrono::steady_clock;
  const auto until = Clock::now() + kEndMs;
  const auto tell = [&] {
    write(workers);
    for (control::FlowSink* sink : {file_.get(), static_cast<control::FlowSink*>(exporter_.get())}) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now());
      if (sink != nullptr && !sink->flush(std::max(left, std::chrono::milliseconds(0)))) return false;
    }
    return true;
  };
  unsigned ended = 0;
  for (core::Worker* worker : workers) {
    SessionTable& sessions = static_cast<FirewallFunction&>(worker->function()).state().sessions;
    for (SessionIndex index = 0; index < sessions.flows().reach(); ++index) {
      if (!sessions.flows().in_use(index)) continue;
      sessions.close(index, SessionEnd::kStopped, sessions.now());
      if (++ended % kAtOnce == 0 && !tell()) return;
    }
  }
  tell();
}

void FlowLogging::reopen() {
  if (file_ != nullptr) file_->reopen();
}

std::vector<control::Metric> FlowLogging::metrics() const {
  control::Metric written{"flow_records_written_total",
                          "Records of flows written, by sink.",
                          control::Metric::Type::kCounter,
                          {}};
  control::Metric lost{"flow_records_lost_total",
                       "Records of flows a sink could not take.",
                       control::Metric::Type::kCounter,
                       {}};
  const auto add = [&](const control::FlowSink* sink) {
    if (sink == nullptr) return;
    const control::FlowSinkStatus status = sink->status();
    written.samples.push_back({{{"sink", std::string(sink->name())}}, static_cast<double>(status.written)});
    lost.samples.push_back({{{"sink", std::string(sink->name())}}, static_cast<double>(status.lost)});
  };
  add(file_.get());
  add(exporter_.get());
  return {std::move(written), std::move(lost)};
}

}  // namespace millrace::firewall
