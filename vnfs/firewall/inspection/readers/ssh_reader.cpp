// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/readers/ssh_reader.h"

#include <algorithm>
#include <string_view>

#include "vnfs/firewall/inspection/http_text.h"

namespace millrace::firewall::inspection::readers {
namespace {

constexpr std::string_view kBeginning = "SSH-";

bool is_beginning(Bytes text) noexcept {
  const std::size_t both = std::min(text.size(), kBeginning.size());
  return std::ranges::equal(text.first(both), bytes_of(kBeginning.substr(0, both)));
}

void read_identification(Bytes line, Parts& parts, SshEvent& event) noexcept {
  event.anomalies.add_if(find(line, '\r') != line.size(), ReadAnomaly::kBareCr);
  event.anomalies.add_if(find(line, 0) != line.size(), ReadAnomaly::kNul);
  const Bytes rest = line.subspan(std::min(kBeginning.size(), line.size()));
  const std::size_t dash = find(rest, '-');
  const Bytes software = rest.subspan(std::min(dash + 1, rest.size()));
  const std::size_t space = find(software, ' ');
  parts.set(Buffer::kSshProtocol, rest.first(dash));
  parts.set(Buffer::kSshSoftware, software.first(space));
  event.comment = software.subspan(std::min(space + 1, software.size()));
  event.anomalies.add_if(dash == 0 || space == 0, ReadAnomaly::kSshBadVersion);
}

}  // namespace

ReadProgress SshReader::advance(Bytes stream, bool ended, Side side, EventSink<SshEvent> sink) noexcept {
  if (over_) return ReadProgress::kOver;
  Parts parts;
  SshEvent event{.anomalies = {}, .comment = {}, .parts = parts};
  const auto told = [&]() noexcept {
    over_ = true;
    return sink(event) ? ReadProgress::kOver : ReadProgress::kStopped;
  };
  const auto none = [&](ReadAnomaly why) noexcept {
    event.anomalies.add(why);
    return told();
  };
  const Bytes window =
      stream.first(std::min(stream.size(), kMostBeforeSshIdentification + kLongestSshIdentification));
  for (;;) {
    if (line_ >= kMostBeforeSshIdentification) return none(ReadAnomaly::kSshNoIdentification);
    const Bytes rest = window.subspan(std::min<std::size_t>(line_, window.size()));
    const bool is_it = is_beginning(rest);
    if (!is_it && side == Side::kClient) return none(ReadAnomaly::kSshNoIdentification);
    const bool known = is_it && rest.size() >= kBeginning.size();
    const std::size_t most = known ? line_ + kLongestSshIdentification : kMostBeforeSshIdentification;
    const Bytes there = window.first(std::min(window.size(), most));
    const std::size_t newline = find(there, '\n', at_);
    at_ = static_cast<std::uint32_t>(newline);
    if (newline == there.size()) {
      const bool too_long = there.size() == most && (known || !is_it);
      if (!too_long && !ended) return ReadProgress::kReading;
      if (!known) return none(ended && !too_long ? ReadAnomaly::kCutOff : ReadAnomaly::kSshNoIdentification);
      event.anomalies.add(too_long ? ReadAnomaly::kSshLongLine : ReadAnomaly::kCutOff);
      read_identification(there.subspan(line_), parts, event);
      return told();
    }
    const Bytes line = there.subspan(line_, newline - line_);
    line_ = at_ = static_cast<std::uint32_t>(newline + 1);
    if (!known) continue;
    const bool has_cr = line.back() == '\r';
    event.anomalies.add_if(!has_cr, ReadAnomaly::kBareLf);
    read_identification(has_cr ? line.first(line.size() - 1) : line, parts, event);
    return told();
  }
}

}  // namespace millrace::firewall::inspection::readers
