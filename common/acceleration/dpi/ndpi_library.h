// SPDX-License-Identifier: BSD-3-Clause
// nDPI (and libgcrypt, by which it opens QUIC) made to allocate out of an arena. Their functions for memory
// are the whole process's: on a thread that has an arena bound they use it, on every other the C library's.
#pragma once

#include <memory>

#include "common/acceleration/dpi/block_arena.h"
#include "common/base/result.h"

struct ndpi_detection_module_struct;

namespace millrace::dpi::ndpi {

// Protocols that are looked for, and the state of those who look. One thread at a time.
struct CloseModule {
  void operator()(ndpi_detection_module_struct* module) const;
};
using Module = std::unique_ptr<ndpi_detection_module_struct, CloseModule>;

// Control thread; any, as they wait for each other. Takes some 20 ms and 6 MiB of the C library's memory. All
// that nDPI would make at first use and keep is made here.
[[nodiscard]] Result<Module> make_module();

// nDPI would name a session after what another one said from or to the same address and port, so who says
// something on purpose could have others' sessions named as he likes. Called before each packet.
void forget_sessions(ndpi_detection_module_struct& module) noexcept;

// While it lives, this thread's allocations by the two libraries come out of the arena.
class Binding {
 public:
  Binding(BlockArena& arena, BlockArena::Holder& holder, std::size_t most_bytes) noexcept;
  Binding(const Binding&) = delete;
  Binding& operator=(const Binding&) = delete;
  ~Binding();

  // Pointers that were to be freed and are none of the holder's blocks: left alone.
  [[nodiscard]] std::uint32_t strays() const noexcept { return strays_; }

  [[nodiscard]] void* take(std::size_t size) noexcept { return arena_.take(size, most_bytes_, holder_); }
  [[nodiscard]] void* resize(void* block, std::size_t size) noexcept;
  void give_back(void* block) noexcept;

 private:
  BlockArena& arena_;
  BlockArena::Holder& holder_;
  std::size_t most_bytes_;
  std::uint32_t strays_ = 0;
};

}  // namespace millrace::dpi::ndpi
