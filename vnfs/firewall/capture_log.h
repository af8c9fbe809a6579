// SPDX-License-Identifier: BSD-3-Clause
// The file of packets of sessions in which a signature matched (pcapng).
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/control/flow_log/record_sink.h"
#include "common/core/network.h"
#include "vnfs/firewall/inspection/event_reader.h"
#include "vnfs/firewall/inspection/packet_copy.h"

namespace millrace::firewall {

// Control thread.
class CaptureLog {
 public:
  using Find = inspection::EventReader::FindInspection;

  [[nodiscard]] static Result<std::unique_ptr<CaptureLog>> open(const std::string& path);

  void set_names(const core::Network& network, Find find);
  // Takes what there is, at most some hundreds.
  void poll(inspection::PacketCopies& copies);
  void reopen() { log_->reopen(); }
  void flush(std::chrono::milliseconds at_most) { static_cast<void>(log_->flush(at_most)); }

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] control::SinkStatus status() const { return log_->status(); }

 private:
  using Section = std::vector<std::uint8_t>;  // of the file

  CaptureLog(std::string path, std::unique_ptr<control::RecordSink<Section>> log)
      : path_(std::move(path)), log_(std::move(log)) {}
  [[nodiscard]] Section to_section(const inspection::PacketCopy& copy) const;

  std::string path_;
  std::unique_ptr<control::RecordSink<Section>> log_;
  std::vector<std::string> interfaces_;
  Find find_;
  std::vector<inspection::PacketCopy> copies_;
};

}  // namespace millrace::firewall
