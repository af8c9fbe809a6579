// SPDX-License-Identifier: BSD-3-Clause
// How many different things were seen, of those whose hashes were shown: a sketch that may be merged with
// others.
//
// Flajolet, Fusy, Gandouet, Meunier: "HyperLogLog: the analysis of a near-optimal cardinality estimation
// algorithm", 2007, with 64-bit hashes as Heule, Nunkesser, Hall have it ("HyperLogLog in Practice", 2013).
// The estimate is that of O. Ertl, "New cardinality estimation algorithms for HyperLogLog sketches", 2017
// (improved raw estimator), which needs no tables of corrections. Its relative standard error is
// 1.04 / sqrt(registers).
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <numbers>

namespace millrace::flow {

// 2^Precision registers of one byte. All zero: nothing was seen. Hashes must be keyed by a secret, else a
// sender can make things look alike, or like many.
template <unsigned Precision>
class HyperLogLog {
  static_assert(Precision >= 4 && Precision <= 16);

 public:
  static constexpr std::size_t kRegisters = std::size_t{1} << Precision;

  void add(std::uint64_t hash) noexcept {
    std::uint8_t& seen = registers_[hash & (kRegisters - 1)];
    // The low bits, which chose the register, end the count of leading zeros.
    const auto rank = static_cast<std::uint8_t>(std::countl_zero(hash | (kRegisters - 1)) + 1);
    if (seen < rank) seen = rank;
  }
  // As if all that the other has seen had been shown to this one.
  void merge(const HyperLogLog& other) noexcept {
    for (std::size_t i = 0; i < kRegisters; ++i) registers_[i] = std::max(registers_[i], other.registers_[i]);
  }
  void clear() noexcept { registers_ = {}; }

  [[nodiscard]] double estimate() const noexcept {
    std::array<std::uint32_t, kMostRank + 1> with_rank{};
    for (const std::uint8_t rank : registers_) ++with_rank[rank];
    if (with_rank[0] == kRegisters) return 0;
    constexpr auto kCount = static_cast<double>(kRegisters);
    double z = kCount * tau(1 - with_rank[kMostRank] / kCount);
    for (std::size_t k = kMostRank - 1; k > 0; --k) z = (z + with_rank[k]) / 2;
    z += kCount * sigma(with_rank[0] / kCount);
    // Hashes that no chance makes would end in infinity.
    constexpr double kMost = 0x1p62;
    return std::min(kCount * kCount / (2 * std::numbers::ln2 * z), kMost);
  }

 private:
  static constexpr std::size_t kMostRank = 64 - Precision + 1;

  // The series of Ertl's algorithm 6, until a further term changes nothing.
  [[nodiscard]] static double sigma(double x) noexcept {
    double weight = 1;
    double sum = x;
    for (double before = -1; sum != before; weight *= 2) {
      before = sum;
      x *= x;
      sum += x * weight;
    }
    return sum;
  }
  [[nodiscard]] static double tau(double x) noexcept {
    if (x == 0 || x == 1) return 0;
    double weight = 0.5;
    double sum = 1 - x;
    for (double before = -1; sum != before; weight /= 2) {
      before = sum;
      x = std::sqrt(x);
      sum -= (1 - x) * (1 - x) * weight;
    }
    return sum / 3;
  }

  std::array<std::uint8_t, kRegisters> registers_{};
};

}  // namespace millrace::flow
