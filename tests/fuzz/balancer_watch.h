// SPDX-License-Identifier: BSD-3-Clause
// What holds of the load balancer in process, whatever it was sent.
#pragma once

#include <vector>

#include "tests/fuzz/frame_ends.h"
#include "tests/packet/load_balancer/balancer_bed.h"

namespace millrace::fuzz {

class BalancerWatch {
 public:
  using Frames = std::vector<testing::BalancerBed::Passing>;

  explicit BalancerWatch(testing::BalancerBed& bed) : bed_(bed) {}

  // Of frames that come in one burst: remembers where their connections are.
  void before(const Frames& in);
  // Of the same, and what left: with right checksums, if they had, and to the backends of their connections.
  void after(const Frames& in, const Frames& left) const;
  // At any time: each packet has one fate, and what is counted is what the tables have.
  void check() const;
  // After the longest timeout: nothing is left, no connection, no port, no buffer.
  void check_empty() const;

 private:
  // A connection as its backend sees it.
  struct Kept {
    net::IpAddress source;
    std::uint16_t source_port;
    std::uint8_t protocol;
    net::IpAddress service;
    net::IpAddress backend;
    load_balancer::Forwarding forwarding;
  };
  struct Begun {
    std::uint64_t opened = 0;
    std::uint64_t open = 0;
    bool operator==(const Begun&) const = default;
  };
  [[nodiscard]] Begun begun() const;
  [[nodiscard]] bool keeps_backend(const Frames& in, const testing::Frame& frame) const;

  testing::BalancerBed& bed_;
  std::vector<Kept> kept_;
  Begun begun_;
};

}  // namespace millrace::fuzz
