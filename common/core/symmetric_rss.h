// SPDX-License-Identifier: BSD-3-Clause
// Makes a port's receive-side scaling deliver each packet to the worker that owns its flow (owner.h). Where a
// port can not, nothing is lost: ingress hands over what arrives elsewhere. Control thread.
#pragma once

#include <cstdint>
#include <vector>

struct rte_eth_conf;
struct rte_eth_dev_info;

namespace millrace::core {

class SymmetricRss {
 public:
  // Asks for the symmetric key and the hash functions the port has, before it is configured; nothing when it
  // has none. `settings` points into this object from then on.
  void ask(const rte_eth_dev_info& info, rte_eth_conf& settings);
  [[nodiscard]] bool asked() const noexcept { return functions_ != 0; }

  // Of a started port: sets the redirection table for queues that are read by worker (queue % workers), and
  // reads back what the port made of key, functions and table. True when it agrees with owner_of() for TCP
  // and UDP over IPv4 and IPv6.
  [[nodiscard]] bool spread(std::uint16_t port, std::uint16_t queues, unsigned workers);

 private:
  [[nodiscard]] bool hashes_as_asked(std::uint16_t port);
  [[nodiscard]] bool redirect(std::uint16_t port, std::uint16_t queues, unsigned workers);

  std::vector<std::uint8_t> key_;
  std::uint64_t functions_ = 0;
  std::uint16_t table_size_ = 0;
};

}  // namespace millrace::core
