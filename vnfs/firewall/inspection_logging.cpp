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
  for (const RuleSlots::Holder& holder : slots.holders()) {
    names.rules.push_back(holder.name);
    names.lists.emplace_back(list_of_slot(holder.name));
  }
  for (const core::Interface& interface : network.interfaces) names.interfaces.push_back(interface.name);
  for (const core::Domain& domain : network.domains) names.domains.push_back(domain.name);
  reader_->set_names(std::move(names));
  const auto captured = profile.events ? profile.events->capture : std::nullopt;
  if (!captured) {
    capture_ = nullptr;
  } else if (capture_ == nullptr || capture_->path() != *captured) {
    auto opened = CaptureLog::open(*captured);
    if (!opened) return tl::unexpected(opened.error());
    capture_ = std::move(*opened);
  }
  if (capture_ != nullptr)
    capture_->set_names(network, [this](std::uint32_t serial) { return compiler_.names(serial); });
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
  for (core::Worker* worker : workers) {
    inspection::Inspector& inspector = static_cast<FirewallFunction&>(worker->function()).state().inspector;
    reader_->poll(inspector.events());
    if (capture_ != nullptr) capture_->poll(inspector.copies());
  }
}

void InspectionLogging::end(appliance::Workers workers) {
  constexpr std::chrono::milliseconds kEnd{2'000};
  write(workers);
  if (file_ != nullptr) file_->flush(kEnd);
  if (capture_ != nullptr) capture_->flush(kEnd);
}

void InspectionLogging::reopen() {
  if (file_ != nullptr) file_->reopen();
  if (capture_ != nullptr) capture_->reopen();
}

void InspectionLogging::write_line(std::string line) {
  if (file_ == nullptr) return;
  EventRecord record;
  record.line = std::move(line);
  file_->write({&record, 1});
}

boost::json::array InspectionLogging::last() const {
  boost::json::array events;
  if (reader_ == nullptr) return events;
  for (const EventRecord& record : reader_->last())
    events.emplace_back(inspection::to_eve(record, appliance_));
  return events;
}

std::vector<control::Metric> InspectionLogging::metrics() const {
  std::vector<control::Metric> metrics;
  const auto add = [&metrics](std::string name, std::string help, std::uint64_t value) {
    metrics.push_back({std::move(name),
                       std::move(help),
                       control::Metric::Type::kCounter,
                       {{.labels = {}, .value = static_cast<double>(value)}}});
  };
  if (file_ != nullptr) {
    const control::SinkStatus status = file_->status();
    add("events_written_total", "Events of the inspection that are in their file.", status.written);
    add("events_lost_total", "Events of the inspection that the file could not take.", status.lost);
  }
  if (capture_ != nullptr) {
    const control::SinkStatus status = capture_->status();
    add("captured_packets_written_total", "Packets of sessions with a match that are in their file.",
        status.written);
    add("captured_packets_lost_total", "Packets of sessions with a match that the file could not take.",
        status.lost);
  }
  return metrics;
}

}  // namespace millrace::firewall
