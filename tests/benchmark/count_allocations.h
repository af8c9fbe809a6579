// SPDX-License-Identifier: BSD-3-Clause
// The C allocator of this program, counted: operator new and everything else come down to it.
#pragma once

#include <cstdint>

namespace millrace::benchmark {

// Calls of malloc, calloc, realloc, aligned_alloc and their like since the start of the program, by all
// threads.
[[nodiscard]] std::uint64_t allocations() noexcept;

}  // namespace millrace::benchmark
