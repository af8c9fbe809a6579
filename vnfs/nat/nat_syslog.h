// SPDX-License-Identifier: BSD-3-Clause
// Records of the NAT gateway as syslog messages (RFC 5424). MSGID says what happened:
//
//   session-created, session-deleted, mapping-created, mapping-deleted, block-given, block-returned,
//   addresses-exhausted, ports-exhausted, quota-exceeded
//
// and the element nat@32473 the rest (the number is the one for examples of RFC 5612; the project has none):
//
//   domain, inside          the subscriber; inside_port and protocol but of blocks
//   outside_domain, outside the outside address; outside_port of sessions and mappings
//   remote, remote_port     of sessions, where the profile wants destinations
//   first_port, last_port   of blocks
//   pool, limit             of refusals
//   reason                  of refusals, and why a session ended
//   worker
//
// The text behind it says the same in short, for collectors that keep no structured data. ICMP has an
// identifier for a port.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "common/control/flow_log/syslog_format.h"
#include "common/control/flow_log/syslog_sender.h"
#include "vnfs/nat/nat_record.h"

namespace millrace::nat {

[[nodiscard]] std::string to_syslog(const NatRecord& record, const control::SyslogOrigin& origin);

class NatSyslog final : public control::RecordSink<NatRecord> {
 public:
  [[nodiscard]] static Result<std::unique_ptr<NatSyslog>> start(control::SyslogOrigin origin,
                                                                control::SyslogSenderOptions options);

  [[nodiscard]] std::string_view name() const noexcept override { return "syslog"; }
  void write(std::span<const NatRecord> records) override;
  void reopen() override { sender_->reopen(); }
  [[nodiscard]] control::SinkStatus status() const override { return sender_->status(); }
  bool flush(std::chrono::milliseconds at_most) override { return sender_->flush(at_most); }

 private:
  NatSyslog(control::SyslogOrigin origin, std::unique_ptr<control::SyslogSender> sender)
      : origin_(std::move(origin)), sender_(std::move(sender)) {}

  control::SyslogOrigin origin_;
  std::unique_ptr<control::SyslogSender> sender_;
};

}  // namespace millrace::nat
