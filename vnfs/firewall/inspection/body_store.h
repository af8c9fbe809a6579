// SPDX-License-Identifier: BSD-3-Clause
// Where a reader keeps a body that is not in its stream as one piece: chunks joined, or bytes unpacked.
#pragma once

#include "common/base/reader.h"

namespace millrace::firewall::inspection {

class BodyStore {
 public:
  virtual ~BodyStore() = default;
  // False when there is no memory for all of them: then none is kept.
  [[nodiscard]] virtual bool append(Bytes bytes) noexcept = 0;
  // All that was appended since clear(), as one piece; they hold until the next append() or clear().
  [[nodiscard]] virtual Bytes bytes() const noexcept = 0;
  virtual void clear() noexcept = 0;
};

}  // namespace millrace::firewall::inspection
