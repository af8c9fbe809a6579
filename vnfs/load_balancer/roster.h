// SPDX-License-Identifier: BSD-3-Clause
// Gives services and their backends numbers that stay the same from one policy to the next: connections and
// counters know them by these.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "common/base/result.h"
#include "common/net/address.h"
#include "vnfs/load_balancer/records.h"

namespace millrace::load_balancer {

// One thread at a time.
class Roster {
 public:
  // As many as counters are kept for.
  Roster(std::uint16_t most_services, std::uint16_t most_backends)
      : services_(most_services), backends_(most_backends) {}

  // Begins a new list: what is not asked for until end() has left.
  void begin();
  [[nodiscard]] Result<ServiceId> service(const std::string& name);
  [[nodiscard]] Result<BackendId> backend(ServiceId service, const net::IpAddress& address,
                                          std::uint16_t port);
  // What has left gives its number back, to be used again when all others have been: connections that still
  // name it are long gone by then.
  void end();

 private:
  template <class Name>
  class Numbers {
   public:
    explicit Numbers(std::uint16_t most) : most_(most) {}
    // kNoId when all are in use.
    [[nodiscard]] std::uint16_t get(const Name& name);
    void begin();
    void end();

   private:
    struct Entry {
      std::uint16_t number;
      bool wanted;
    };
    std::map<Name, Entry> known_;
    std::deque<std::uint16_t> free_;  // the one that left first in front
    std::uint16_t most_;
    std::uint16_t next_ = 0;  // never used
  };

  Numbers<std::string> services_;
  Numbers<std::tuple<ServiceId, net::IpAddress, std::uint16_t>> backends_;
};

}  // namespace millrace::load_balancer
