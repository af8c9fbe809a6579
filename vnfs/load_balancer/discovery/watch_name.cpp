// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <utility>

#include "vnfs/load_balancer/discovery/backend_source.h"
#include "vnfs/load_balancer/discovery/news.h"

namespace millrace::load_balancer::discovery {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

net::IpAddress from_asio(const asio::ip::address& address) {
  if (address.is_v4()) return net::Ipv4Address{be32(address.to_v4().to_uint())};
  return net::Ipv6Address{address.to_v6().to_bytes()};
}

class WatchedName : public std::enable_shared_from_this<WatchedName> {
 public:
  WatchedName(asio::io_context& io, std::string name, std::chrono::milliseconds interval, Listener listener,
              Lookup lookup)
      : name_(std::move(name)),
        interval_(interval),
        news_(std::move(listener)),
        lookup_(std::move(lookup)),
        timer_(io) {}

  void look_up() {
    lookup_(name_, [weak = weak_from_this()](Addresses found) {
      if (const auto self = weak.lock()) self->take(std::move(found));
    });
  }
  void stop() {
    stopped_ = true;
    timer_.cancel();
  }

 private:
  void take(Addresses found) {
    if (stopped_) return;
    if (found && found->empty()) found = tl::unexpected(std::string("it has no address"));
    if (found) {
      // Resolvers turn the list round.
      std::sort(found->begin(), found->end());
      found->erase(std::unique(found->begin(), found->end()), found->end());
      if (found->size() > kMostBackends) found->resize(kMostBackends);
      std::vector<FoundBackend> backends;
      backends.reserve(found->size());
      for (const auto& address : *found) backends.push_back({.address = address});
      news_.backends(std::move(backends));
    } else {
      news_.trouble({Error{"look up " + name_, found.error(), {}}});
    }
    timer_.expires_after(interval_);
    timer_.async_wait([self = shared_from_this()](const boost::system::error_code&) {
      if (!self->stopped_) self->look_up();
    });
  }

  std::string name_;
  std::chrono::milliseconds interval_;
  News news_;
  Lookup lookup_;
  asio::steady_timer timer_;
  bool stopped_ = false;
};

// Ends the watch when it goes; handlers on their way may hold it a moment longer.
class NameSource final : public BackendSource {
 public:
  explicit NameSource(std::shared_ptr<WatchedName> watched) : watched_(std::move(watched)) {}
  NameSource(const NameSource&) = delete;
  NameSource& operator=(const NameSource&) = delete;
  ~NameSource() override { watched_->stop(); }

 private:
  std::shared_ptr<WatchedName> watched_;
};

}  // namespace

Lookup system_lookup(asio::io_context& io) {
  auto resolver = std::make_shared<tcp::resolver>(io);
  return [resolver](const std::string& name, std::function<void(Addresses)> done) {
    // Without flags: whether this host has an IPv6 address of its own says nothing of its data network.
    resolver->async_resolve(name, "", tcp::resolver::flags(),
                            [resolver, answer = std::move(done)](const boost::system::error_code& error,
                                                                 const tcp::resolver::results_type& results) {
                              if (error) {
                                answer(tl::unexpected(error.message()));
                                return;
                              }
                              std::vector<net::IpAddress> addresses;
                              for (const auto& entry : results) {
                                addresses.push_back(from_asio(entry.endpoint().address()));
                              }
                              answer(std::move(addresses));
                            });
  };
}

std::unique_ptr<BackendSource> watch_name(asio::io_context& io, std::string name,
                                          std::chrono::milliseconds interval, Listener listener,
                                          Lookup lookup) {
  auto watched =
      std::make_shared<WatchedName>(io, std::move(name), interval, std::move(listener), std::move(lookup));
  watched->look_up();
  return std::make_unique<NameSource>(std::move(watched));
}

}  // namespace millrace::load_balancer::discovery
