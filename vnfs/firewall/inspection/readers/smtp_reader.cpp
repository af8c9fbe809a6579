// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/readers/smtp_reader.h"

#include <algorithm>
#include <limits>

#include "vnfs/firewall/inspection/readers/smtp_run.h"

namespace millrace::firewall::inspection::readers {

ReadProgress SmtpReader::advance(Bytes stream, bool ended, Side side, const SmtpWork& work,
                                 EventSink<SmtpEvent> sink) noexcept {
  // Places are numbers of 32 bits; windows are far smaller.
  stream = stream.first(std::min<std::size_t>(stream.size(), std::numeric_limits<std::uint32_t>::max()));
  if (phase_ == Phase::kOver) return ReadProgress::kOver;
  if (stream.size() < at_) return ReadProgress::kReading;
  return SmtpRun(*this, stream, side, work, sink).run(ended);
}

}  // namespace millrace::firewall::inspection::readers
