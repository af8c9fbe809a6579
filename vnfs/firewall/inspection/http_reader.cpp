// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/http_reader.h"

#include <algorithm>
#include <limits>

#include "vnfs/firewall/inspection/http_run.h"

namespace millrace::firewall::inspection {

HttpProgress HttpReader::advance(Bytes stream, bool ended, Side side, const HttpWork& work, Tell tell,
                                 void* context) noexcept {
  // Places are numbers of 32 bits; windows are far smaller.
  stream = stream.first(std::min<std::size_t>(stream.size(), std::numeric_limits<std::uint32_t>::max()));
  if (stream.size() < at_) return HttpProgress::kReading;
  return HttpRun(*this, stream, ended, side, work, tell, context).run();
}

void HttpReader::end(const HttpWork& work) noexcept {
  if (inflate_ != 0) work.inflate.give_back(inflate_);
  work.joined.clear();
  work.unpacked.clear();
  *this = HttpReader();
  phase_ = Phase::kOver;
}

void add_head(Bytes stream, HttpPlace head, Side side, Room& room, Parts& parts) noexcept {
  if (head.begin >= head.end || head.end > stream.size()) return;
  static_cast<void>(read_head(stream.subspan(head.begin, head.end - head.begin), side, room, parts));
}

}  // namespace millrace::firewall::inspection
