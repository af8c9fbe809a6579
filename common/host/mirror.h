// SPDX-License-Identifier: BSD-3-Clause
// A live copy of the kernel's routes and neighbours: one dump, then every change, of the network namespace
// the thread was in at open(). One thread; never waits. The owner polls fd(), calls process(), and rebuilds
// its snapshot once when that says true, however many changes came.
#pragma once

#include <cstdint>
#include <set>
#include <span>

#include "common/base/result.h"
#include "common/host/model.h"
#include "common/host/netlink.h"
#include "common/host/netlink_socket.h"
#include "common/host/types.h"

namespace millrace::host {

class Mirror {
 public:
  struct Options {
    // Room for the events of about ten thousand routes; an overrun costs a full dump, nothing else.
    int receive_buffer_bytes = 8 * 1024 * 1024;
  };
  struct Counters {
    std::uint64_t overruns = 0;     // the kernel dropped events: the socket was not read fast enough
    std::uint64_t full_dumps = 0;   // after follow() and after an overrun
    std::uint64_t route_dumps = 0;  // after a loss of link, address or nexthop object
    std::uint64_t interrupted_dumps = 0;
    ModelBuilder::Counters model;
  };

  [[nodiscard]] static Result<Mirror> open(const Options& options);
  [[nodiscard]] static Result<Mirror> open() { return open(Options{}); }

  // What the model holds from now on: replaces the sets of the last call and reads everything afresh.
  [[nodiscard]] Result<void> follow(std::set<LinkIndex> links,
                                    std::set<RouteTable> tables = {kMainTable, kLocalTable});

  [[nodiscard]] int fd() const noexcept { return events_.fd(); }
  // Takes in what waits on fd(), a bounded number of datagrams per call; true when the forwarding changed.
  // After an Error the model is what it was, and the next call tries again: call it again soon even if fd()
  // stays quiet.
  [[nodiscard]] Result<bool> process();
  [[nodiscard]] const Model& model() const noexcept { return builder_.model(); }
  [[nodiscard]] Counters counters() const noexcept;

 private:
  Mirror(NetlinkSocket events, NetlinkSocket requests)
      : events_(std::move(events)), requests_(std::move(requests)) {}

  [[nodiscard]] Result<bool> dump_everything();
  [[nodiscard]] Result<bool> dump_routes();
  // False when the table changed under the dump; what came of it is then worth nothing.
  [[nodiscard]] Result<bool> dump(std::uint16_t type, std::uint8_t family, ModelBuilder& builder);
  [[nodiscard]] Result<void> dump_until_whole(std::uint16_t type, std::uint8_t family, ModelBuilder& builder);

  NetlinkSocket events_;
  NetlinkSocket requests_;
  ModelBuilder builder_;
  Counters counters_;
  bool all_stale_ = false;
};

// Keeps the neighbours that the data path uses alive, for the kernel does not see that use: asks for those
// the model lacks or holds as failed, and has stale ones verified. Call it about once a second with the
// addresses in use; gives the number asked for. A neighbour whose link is gone is skipped; one the kernel
// does not want to ask for keeps no other from being asked for, and the first such error is the answer.
[[nodiscard]] Result<std::size_t> refresh_neighbors(Netlink& netlink, const Model& model,
                                                    const std::set<NeighborKey>& in_use);

}  // namespace millrace::host
