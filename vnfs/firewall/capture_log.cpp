// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/capture_log.h"

#include <fmt/format.h>

#include "common/control/flow_log/line_log.h"
#include "common/core/capture_file.h"

namespace millrace::firewall {

Result<std::unique_ptr<CaptureLog>> CaptureLog::open(const std::string& path) {
  auto log = control::LineLog<Section>::open(
      {.name = "capture",
       .path = path,
       .print = [](std::string& out, const Section& section) { out.append(section.begin(), section.end()); },
       .is_text = false,
       .waiting_records = 4'096});
  if (!log) return tl::unexpected(log.error());
  return std::unique_ptr<CaptureLog>(new CaptureLog(path, std::move(*log)));
}

void CaptureLog::set_names(const core::Network& network, Find find) {
  interfaces_.clear();
  for (const core::Interface& interface : network.interfaces) interfaces_.push_back(interface.name);
  find_ = std::move(find);
}

// The session's number is the `flow_id` of its events.
CaptureLog::Section CaptureLog::to_section(const inspection::PacketCopy& copy) const {
  const core::CapturedPacket packet{
      .port = core::PortId(0), .length = copy.length, .kept = copy.kept, .tsc = copy.tsc};
  const core::CapturePort from{
      .port = core::PortId(0),
      .name = copy.ingress < interfaces_.size() ? interfaces_[copy.ingress] : std::string("unknown")};
  const auto about = find_ ? find_(copy.inspection) : std::nullopt;
  const std::string comment =
      fmt::format("session {}, inspection {}", copy.session, about ? about->name : "unknown");
  return core::capture_section(packet, Bytes(copy.bytes).first(copy.kept), from, comment,
                               core::CaptureClock::now());
}

void CaptureLog::poll(inspection::PacketCopies& copies) {
  constexpr std::size_t kAtOnce = 32;
  constexpr unsigned kMostRounds = 16;
  copies_.resize(kAtOnce);
  for (unsigned round = 0; round < kMostRounds; ++round) {
    const std::size_t count = copies.pop(copies_);
    if (count == 0) return;
    std::vector<Section> sections;
    for (std::size_t i = 0; i < count; ++i) sections.push_back(to_section(copies_[i]));
    log_->write(sections);
  }
}

}  // namespace millrace::firewall
