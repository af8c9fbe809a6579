// SPDX-License-Identifier: BSD-3-Clause
#include "tests/benchmark/bare_library.h"

#include <array>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <vector>

#include <rte_cycles.h>

namespace millrace::benchmark {
namespace {

constexpr unsigned kBurstOfBuffers = 32;
constexpr unsigned kBuffers = 256;  // as many as packets are on their way at a time
constexpr unsigned kStride = 2048 + 128;
constexpr unsigned kFront = 128;

}  // namespace

Samples sample_library(crypto::Library& library, crypto::Suite suite, unsigned bytes, bool open,
                       unsigned samples) {
  const crypto::SuiteSizes sizes = crypto::sizes_of(suite);
  const std::vector<std::uint8_t> material(128, 0x5a);
  auto key = library.make_key(suite, Bytes(material).first(sizes.cipher_key),
                              Bytes(material).first(sizes.integrity_key));
  auto engine = library.make_engine();
  if (!key || !engine) throw std::runtime_error("no engine");
  std::vector<std::uint8_t> memory(std::size_t{kBuffers} * kStride);
  alignas(16) std::array<std::uint8_t, 16> iv{};
  std::array<std::uint8_t, 12> covered{};
  std::vector<crypto::Operation> operations(kBuffers);
  for (unsigned i = 0; i < kBuffers; ++i) {
    std::uint8_t* text = memory.data() + std::size_t{i} * kStride + kFront;
    const bool aead = crypto::is_aead(suite.cipher);
    operations[i] = {.key = key->get(),
                     .text = text,
                     .text_bytes = bytes,
                     .covered_bytes = aead ? 12U : bytes,
                     .covered = aead ? covered.data() : text,
                     .iv = iv.data(),
                     .tag = text + bytes};
  }
  Samples all;
  for (unsigned sample = 0; sample < samples; ++sample) {
    std::uint64_t cycles = 0;
    for (unsigned first = 0; first < kBuffers; first += kBurstOfBuffers) {
      const std::span<const crypto::Operation> burst(operations.data() + first, kBurstOfBuffers);
      const std::uint64_t before = rte_rdtsc();
      if (open) {
        static_cast<void>((*engine)->open(burst));
      } else {
        (*engine)->seal(burst);
      }
      cycles += rte_rdtsc() - before;
    }
    all.add(static_cast<double>(cycles) / kBuffers);
  }
  return all;
}

}  // namespace millrace::benchmark
