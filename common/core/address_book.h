// SPDX-License-Identifier: BSD-3-Clause
// All shared addresses a process has ever had, by number. None is taken out: the state of its ports outlives
// the policies that name it.
#pragma once

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <utility>

#include "common/base/result.h"
#include "common/core/shared_address.h"

namespace millrace::core {

// `Address` is a SharedAddress, made of an address of type `Key`, its routing domain and its number.
template <class Address, class Key>
class AddressBook {
 public:
  // As many as may be used at once, and changed for others a few times.
  static constexpr std::size_t kMost = 65'535;

  // Any thread; an id that get() gave.
  [[nodiscard]] Address& operator[](AddressId id) const noexcept {
    return *by_id_[id].load(std::memory_order_acquire);
  }

  // One thread at a time. The address of that domain, made at its first use.
  [[nodiscard]] Result<Address*> get(const Key& address, std::uint16_t domain) {
    const auto [place, added] = addresses_.try_emplace({domain, address});
    if (added) {
      if (addresses_.size() > kMost) {
        addresses_.erase(place);
        return failure("use the address " + address.to_string(),
                       "no more than 65535 different ones in the life of a process; start it anew");
      }
      const auto id = static_cast<AddressId>(addresses_.size() - 1);
      place->second = std::make_unique<Address>(address, domain, id);
      by_id_[id].store(place->second.get(), std::memory_order_release);
    }
    return place->second.get();
  }
  // The thread that calls get(). How many there are: ids are less.
  [[nodiscard]] std::size_t size() const noexcept { return addresses_.size(); }

 private:
  std::map<std::pair<std::uint16_t, Key>, std::unique_ptr<Address>> addresses_;
  std::array<std::atomic<Address*>, kMost> by_id_{};
};

}  // namespace millrace::core
