// SPDX-License-Identifier: BSD-3-Clause
// Gives outside ports to subscribers: a free port of their blocks, or of the runs their bucket shares, nobody
// knows which beforehand (RFC 6056, RFC 6888 REQ-15).
#pragma once

#include "common/core/port_runs.h"
#include "vnfs/nat/address_book.h"
#include "vnfs/nat/pool.h"
#include "vnfs/nat/records.h"

namespace millrace::nat {

// Told when a subscriber gets a block of ports, and when it gives one back.
class BlockObserver {
 public:
  virtual ~BlockObserver() = default;
  virtual void block_given(const Subscriber& subscriber, const Block& block) noexcept = 0;
  virtual void block_returned(const Subscriber& subscriber, const Block& block) noexcept = 0;
};

// Why there is no port.
enum class Shortage : std::uint8_t {
  kNone,
  kPool,        // no port is free where the subscriber may have one
  kSubscriber,  // it has as many as it may
};

struct OutsidePort {
  OutsideAddress* address = nullptr;
  std::uint16_t port = 0;
};

// For whom a port is to be, and of which pool.
struct PortWish {
  Subscriber& subscriber;
  SubscriberIndex number;  // the subscriber's
  const Pool& pool;
  PortSpace space;
  Endpoint peer{};  // who is expected to answer; zero: anybody
};

// One per worker. Touches runs of the worker's buckets only (common/core/port_runs.h).
class Ports {
 public:
  Ports(const AddressBook& book, const SipKey& secret, core::WorkerShare share) noexcept
      : book_(book), runs_(secret, share) {}

  void observe(BlockObserver* observer) noexcept { observer_ = observer; }

  // A port for the subscriber; counted with it until give_back().
  [[nodiscard]] Shortage take(const PortWish& wish, OutsidePort& out, Tick now) noexcept;
  // The same, this very port; kPool when it is not to be had.
  [[nodiscard]] Shortage take_exactly(const PortWish& wish, OutsidePort wanted, Tick now) noexcept;
  // The same, some port of that address, whatever address the subscriber is paired with.
  [[nodiscard]] Shortage take_at(const PortWish& wish, OutsideAddress& address, OutsidePort& out,
                                 Tick now) noexcept;
  // The address of which a port is tried first; null when the pool has none.
  [[nodiscard]] OutsideAddress* first_choice(const Subscriber& subscriber, const Pool& pool) const noexcept;
  // A shared port is free for others at once. A block stays the subscriber's until return_idle_blocks().
  void give_back(Subscriber& subscriber, PortSpace space, OutsidePort port, Tick now) noexcept;
  // Blocks of which no port has been in use for `rest` go back to the pool.
  void return_idle_blocks(Subscriber& subscriber, Tick rest, Tick now) noexcept;

 private:
  [[nodiscard]] static core::PortRequest request(const PortWish& wish) noexcept;
  [[nodiscard]] OutsideAddress* paired_address(const Subscriber& subscriber, const Pool& pool) const noexcept;
  [[nodiscard]] bool take_from_run(OutsideAddress& address, unsigned run, const PortWish& wish,
                                   OutsidePort& out) noexcept;
  [[nodiscard]] bool take_from_blocks(const PortWish& wish, OutsidePort& out,
                                      const OutsideAddress* only = nullptr) noexcept;
  [[nodiscard]] bool take_from_ring(OutsideAddress& address, const PortWish& wish, OutsidePort& out) noexcept;
  [[nodiscard]] bool claim_block(OutsideAddress& address, const PortWish& wish, Tick now) noexcept;
  [[nodiscard]] bool claim_own_block(const PortWish& wish, Tick now) noexcept;
  void add_block(OutsideAddress& address, unsigned first, const PortWish& wish, Tick now) noexcept;
  template <class Try>
  [[nodiscard]] bool try_addresses(Subscriber& subscriber, const Pool& pool, Try&& attempt) noexcept;

  const AddressBook& book_;
  core::PortRuns runs_;
  BlockObserver* observer_ = nullptr;
};

}  // namespace millrace::nat
