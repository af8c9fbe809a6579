// SPDX-License-Identifier: BSD-3-Clause
// Lists of backends that change while the appliance runs: a file that is watched, a name of the DNS that is
// looked up again and again. Everything happens on the thread that runs the io_context, which must outlive
// the source, and nothing on it waits for a disk or a server longer than a small file takes to read.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "common/base/result.h"
#include "common/net/address.h"
#include "vnfs/load_balancer/discovery/backend_list.h"

namespace millrace::load_balancer::discovery {

struct Listener {
  // The whole list: once it is known first, and after each change. May be empty.
  std::function<void(const std::vector<FoundBackend>&)> on_backends;
  // Why the list cannot be had; the last one stands. Once for each trouble, not each attempt, and with no
  // errors when the trouble is over.
  std::function<void(const std::vector<Error>&)> on_trouble;
};

// Watches for as long as it lives; its listener is not called before the function that made it has returned,
// nor after its end. The listener may not destroy it.
class BackendSource {
 public:
  virtual ~BackendSource() = default;
};

// Reads the file (backend_list.h) when a writer closes it and when another takes its place or its folder's,
// by rename or by a symbolic link. One that is written in place is not looked at before it is closed. A file
// that is not there, or has an error in any line, is trouble.
[[nodiscard]] std::unique_ptr<BackendSource> watch_file(boost::asio::io_context& io, std::string path,
                                                        Listener listener);

// All addresses of a name, or why there are none; on the thread of the io_context, not before it has
// returned.
using Addresses = tl::expected<std::vector<net::IpAddress>, std::string>;
using Lookup = std::function<void(const std::string& name, std::function<void(Addresses)> done)>;

// The system's resolver, on a thread that all names of this io_context share. The end of the io_context waits
// for a lookup that is under way.
[[nodiscard]] Lookup system_lookup(boost::asio::io_context& io);

// Looks the name up now and an interval after each answer. The order of addresses means nothing; a lookup
// that fails, or finds none, is trouble.
[[nodiscard]] std::unique_ptr<BackendSource> watch_name(boost::asio::io_context& io, std::string name,
                                                        std::chrono::milliseconds interval, Listener listener,
                                                        Lookup lookup);

}  // namespace millrace::load_balancer::discovery
