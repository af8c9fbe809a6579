// SPDX-License-Identifier: BSD-3-Clause
// Records of one kind to an IPFIX collector.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "common/control/flow_log/flow_sink.h"
#include "common/control/flow_log/ipfix_flow.h"
#include "common/control/flow_log/ipfix_sender.h"

namespace millrace::control {

// `kSchema()` is the schema of what to_ipfix(record) gives.
template <class Record, IpfixSchema (*kSchema)()>
class IpfixRecordExporter final : public RecordSink<Record> {
 public:
  [[nodiscard]] static Result<std::unique_ptr<IpfixRecordExporter>> start(IpfixExporterOptions options) {
    auto sender = IpfixSender::start(kSchema(), std::move(options));
    if (!sender) return tl::unexpected<Error>(std::move(sender.error()));
    return std::unique_ptr<IpfixRecordExporter>(new IpfixRecordExporter(std::move(*sender)));
  }

  // Names told to the collector with the next templates. As write().
  void set_interfaces(std::vector<IpfixInterface> interfaces) {
    sender_->set_interfaces(std::move(interfaces));
  }

  [[nodiscard]] std::string_view name() const noexcept override { return "ipfix"; }
  void write(std::span<const Record> records) override {
    std::vector<IpfixRecord> converted;
    converted.reserve(records.size());
    for (const Record& record : records) converted.push_back(to_ipfix(record));
    sender_->write(std::move(converted));
  }
  void reopen() override { sender_->reopen(); }
  [[nodiscard]] SinkStatus status() const override { return sender_->status(); }
  bool flush(std::chrono::milliseconds at_most) override { return sender_->flush(at_most); }

 private:
  explicit IpfixRecordExporter(std::unique_ptr<IpfixSender> sender) : sender_(std::move(sender)) {}
  std::unique_ptr<IpfixSender> sender_;
};

using IpfixExporter = IpfixRecordExporter<FlowRecord, flow_schema>;

}  // namespace millrace::control
