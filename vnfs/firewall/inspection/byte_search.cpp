// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/byte_search.h"

#include <cstring>

#include <immintrin.h>

namespace millrace::firewall::inspection {
namespace {

constexpr std::size_t kLanes = sizeof(__m256i);

struct AsTheyAre {
  static __m256i block(__m256i bytes) noexcept { return bytes; }
  static bool equal(Bytes a, std::string_view b) noexcept { return equal_bytes(a, b); }
};

struct Folded {
  // Signed comparison: what is moved so that 'Z' is the greatest number lies among the last 26 of them.
  static __m256i block(__m256i bytes) noexcept {
    const __m256i moved = _mm256_add_epi8(bytes, _mm256_set1_epi8(0x7f - 'Z'));
    const __m256i upper = _mm256_cmpgt_epi8(moved, _mm256_set1_epi8(0x7f - 26));
    return _mm256_or_si256(bytes, _mm256_and_si256(upper, _mm256_set1_epi8(0x20)));
  }
  static bool equal(Bytes a, std::string_view b) noexcept { return equal_caseless(a, b); }
};

__m256i load(const std::uint8_t* from) noexcept {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
}

// Places where the first and the last byte are right are looked at whole (Mula: "SIMD-friendly algorithms for
// substring searching", 2016).
template <class Case>
std::size_t find(Bytes in, std::string_view wanted) noexcept {
  const std::size_t length = wanted.size();
  if (in.size() < length) return kNowhere;
  const std::size_t places = in.size() - length + 1;
  const __m256i first = _mm256_set1_epi8(wanted.front());
  const __m256i last = _mm256_set1_epi8(wanted.back());
  std::size_t at = 0;
  for (; at + kLanes <= places; at += kLanes) {
    const __m256i begins = _mm256_cmpeq_epi8(Case::block(load(&in[at])), first);
    const __m256i ends = _mm256_cmpeq_epi8(Case::block(load(&in[at + length - 1])), last);
    auto both = static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_and_si256(begins, ends)));
    for (; both != 0; both &= both - 1) {
      const std::size_t place = at + static_cast<unsigned>(__builtin_ctz(both));
      if (Case::equal(in.subspan(place, length), wanted)) return place;
    }
  }
  for (; at < places; ++at) {
    if (Case::equal(in.subspan(at, length), wanted)) return at;
  }
  return kNowhere;
}

}  // namespace

std::size_t find_bytes(Bytes in, std::string_view wanted) noexcept { return find<AsTheyAre>(in, wanted); }
std::size_t find_caseless(Bytes in, std::string_view wanted) noexcept { return find<Folded>(in, wanted); }

bool equal_bytes(Bytes a, std::string_view b) noexcept {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), b.size()) == 0;
}

bool equal_caseless(Bytes a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < b.size(); ++i) {
    if (folded(a[i]) != static_cast<std::uint8_t>(b[i])) return false;
  }
  return true;
}

}  // namespace millrace::firewall::inspection
