// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection_logging.h"

#include <boost/json.hpp>
#include <chrono>

#include "common/control/flow_log/line_log.h"
#include "common/core/eal.h"
#include "vnfs/firewall/function.h"
#include "vnfs/firewall/inspection/eve_format.h"

namespace millrace::firewall {

using inspection::EventRecord;

Result<void> InspectionLogging::open(const std::string& appliance, const profile::Section& profile,
                                     const core::Network& network, const RuleSlots& slots) {
  appliance_ = appliance;
  if (reader_ == nullptr) {
    reader_ = std::make_unique<inspection::EventReader>(
        core::tsc_per_second(), [this](std::uint32_t serial) { return compiler_.names(serial); });
  }
  inspection::EventNames names;
  for (const RuleSlots::Holder& holder : slots.holders()) names.rules.push_back(holder.name);
  for (const core::Interface& interface : network.interfaces) names.interfaces.push_back(interface.name);
  for (const core::Domain& domain : network.domains) names.domains.push_back(domain.name);
  reader_->set_names(std::move(names));
  const auto path = profile.events ? std::optional(profile.events->file) : std::nullopt;
  if (path == open_file_) return {};
  reader_->set_sink(nullptr);
  file_ = nullptr;
  open_file_.reset();
  if (!path) return {};
  auto log = control::LineLog<EventRecord>::open(
      {.name = "events", .path = *path, .print = [appliance](std::string& out, const EventRecord& record) {
         inspection::append_eve_line(out, record, appliance);
       }});
  if (!log) return tl::unexpected(log.error());
  file_ = std::move(*log);
  open_file_ = path;
  reader_->set_sink(file_);
  return {};
}

void InspectionLogging::write(appliance::Workers workers) {
  if (reader_ == nullptr) return;
  for (core::Worker* worker : workers)
    reader_->poll(static_cast<FirewallFunction&>(worker->function()).state().inspector.events());
}

void InspectionLogging::end(appliance::Workers workers) {
  constexpr std::chrono::milliseconds kEnd{2'000};
  write(workers);
  if (file_ != nullptr) file_->flush(kEnd);
}

void InspectionLogging::reopen() {
  if (file_ != nullptr) file_->reopen();
}

boost::json::array InspectionLogging::last() const {
  boost::json::array events;
  if (reader_ == nullptr) return events;
  for (const EventRecord& record : reader_->last())
    events.emplace_back(inspection::to_eve(record, appliance_));
  return events;
}

std::vector<control::Metric> InspectionLogging::metrics() const {
  if (file_ == nullptr) return {};
  using Type = control::Metric::Type;
  const control::SinkStatus status = file_->status();
  const auto single = [](std::string name, std::string help, std::uint64_t value) {
    return control::Metric{std::move(name),
                           std::move(help),
                           Type::kCounter,
                           {{.labels = {}, .value = static_cast<double>(value)}}};
  };
  return {single("events_written_total", "Events of the inspection that are in their file.", status.written),
          single("events_lost_total", "Events of the inspection that the file could not take.", status.lost)};
}

}  // namespace millrace::firewall
