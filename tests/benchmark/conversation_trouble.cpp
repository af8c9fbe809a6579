// SPDX-License-Identifier: BSD-3-Clause
#include "tests/benchmark/conversation_trouble.h"

#include <utility>

namespace millrace::benchmark {

ConversationTrouble::ConversationTrouble(unsigned seed)
    : spoil_(0x0affff01, *net::Ipv6Address::parse("2001:db8:a:ffff::1"), seed), random_(seed) {}

void ConversationTrouble::use(BedConfig config, std::vector<WebShape> shapes) {
  config.traffic = {.flows = kFlows};
  config.rules = 10;
  config.spare_sessions = 0;
  bed_ = std::make_unique<FirewallBed>(config);
  now_ = bed_->state(0).services.now;  // where the timers begin
  shapes_ = std::move(shapes);
}

void ConversationTrouble::fill() {
  ++window_;
  now_ += window_ % 512 == 0 ? 4'000'000 : 10;  // now and then past the longest timeout
  bed_->bed().set_time(now_);
  bed_->fill(0, kWindow, [&](rte_mbuf* mbuf, unsigned) {
    const auto choice = static_cast<std::uint32_t>(random_());
    // A few connections go on at a time, more or less in order.
    const unsigned flow = (window_ / 64 * 8 + choice % 16) % kFlows;
    const WebShape& shape = shapes_[flow % shapes_.size()];
    unsigned& next = next_[flow];
    if ((choice >> 8) % 4 != 0) ++next;
    const unsigned number = (next + (choice >> 10) % 2) % WebConnection::packets(shape);
    const unsigned port = WebConnection(bed_->traffic(0), shape, flow).write(mbuf, number);
    if ((choice >> 16) % 16 == 0) spoil_(mbuf);
    return port;
  });
}

}  // namespace millrace::benchmark
