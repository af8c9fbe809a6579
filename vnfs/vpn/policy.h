// SPDX-License-Identifier: BSD-3-Clause
// What the workers know of the profile, and the way to what key exchange has told.
#pragma once

#include <cstdint>
#include <memory>

#include "common/core/function.h"
#include "common/core/ownership.h"
#include "vnfs/vpn/associations.h"

namespace millrace::vpn {

// Packets of an association belong to the worker that its number names; what leaves by one, to the worker
// that keeps its sequence numbers.
class Policy final : public core::Policy, private core::Ownership {
 public:
  explicit Policy(std::shared_ptr<const Directory> directory) : directory_(std::move(directory)) {}

  [[nodiscard]] const core::Ownership* ownership() const noexcept override { return this; }
  [[nodiscard]] const Associations& associations() const noexcept { return directory_->get(); }

  // TCP segments inside are held to what fits the tunnel, and to this; 0: to what fits.
  std::uint16_t mss = 0;
  DontFragment dont_fragment = DontFragment::kCopy;
  bool cut_inside = false;  // what does not fit and may be cut is cut before it is sealed, not behind

 private:
  [[nodiscard]] unsigned bucket_of(const core::Packet& packet, bool with_ports) const noexcept override;

  std::shared_ptr<const Directory> directory_;
};

}  // namespace millrace::vpn
