// SPDX-License-Identifier: BSD-3-Clause
#include "common/base/page_array.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

namespace millrace {
namespace {

// What the kernel says: whether each page of the array has memory behind it.
std::vector<unsigned char> residency(const PageArray<std::uint64_t>& array) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  std::vector<unsigned char> pages((array.bytes() + page - 1) / page);
  // mincore() does not write to what it is asked about.
  EXPECT_EQ(mincore(const_cast<std::uint64_t*>(array.data()), array.bytes(), pages.data()), 0);
  return pages;
}

bool is_resident(unsigned char page) { return (page & 1U) != 0; }

TEST(PageArray, HasMemoryToItsLastPage) {
  // Less than a page, a step of population and a little more, several steps and a half.
  for (const std::size_t bytes : {std::size_t{8}, (std::size_t{4} << 20) + 8, std::size_t{18} << 20}) {
    const PageArray<std::uint64_t> array(bytes / sizeof(std::uint64_t));
    const auto pages = residency(array);
    EXPECT_TRUE(std::all_of(pages.begin(), pages.end(), is_resident)) << bytes << " bytes";
    EXPECT_EQ(std::count(array.data(), array.data() + array.size(), 0U),
              static_cast<std::ptrdiff_t>(array.size()));
  }
}

TEST(PageArray, MovesWithoutCopying) {
  PageArray<std::uint64_t> from(1000);
  from[999] = 7;
  const std::uint64_t* const data = from.data();
  const PageArray<std::uint64_t> to(std::move(from));
  EXPECT_EQ(to.data(), data);
  EXPECT_EQ(to[999], 7U);
}

}  // namespace
}  // namespace millrace
