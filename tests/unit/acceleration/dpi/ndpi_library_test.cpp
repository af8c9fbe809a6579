// SPDX-License-Identifier: BSD-3-Clause
// Whose memory nDPI and libgcrypt get.
#include "common/acceleration/dpi/ndpi_library.h"

#include <cstdlib>
#include <cstring>
#include <thread>

#include <gcrypt.h>
#include <gtest/gtest.h>
#include <ndpi_api.h>

namespace millrace::dpi::ndpi {
namespace {

class NdpiLibrary : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(make_module()); }  // from here on the functions are ours

  static constexpr std::size_t kMost = 8192;
  BlockArena arena_{1 << 20};
  BlockArena::Holder holder_{.number = 3};
};

TEST_F(NdpiLibrary, TakesFromTheArenaThatIsBound) {
  Binding binding(arena_, holder_, kMost);
  void* block = ndpi_malloc(100);
  void* other = gcry_malloc(100);
  EXPECT_TRUE(arena_.contains(block));
  EXPECT_TRUE(arena_.contains(other));
  EXPECT_EQ(ndpi_malloc(kMost + 1), nullptr);
  EXPECT_EQ(gcry_malloc(kMost + 1), nullptr);
  ndpi_free(block);
  gcry_free(other);
  EXPECT_EQ(arena_.taken(), 0U);
  EXPECT_EQ(binding.strays(), 0U);
}

TEST_F(NdpiLibrary, TakesFromTheCLibraryElsewhere) {
  std::free(ndpi_malloc(100));  // AddressSanitizer knows what malloc() gave
  std::free(gcry_malloc(100));
  ndpi_free(std::malloc(100));
  const Binding binding(arena_, holder_, kMost);
  std::thread([this] {
    void* block = ndpi_malloc(100);
    EXPECT_FALSE(arena_.contains(block));
    ndpi_free(block);
  }).join();
}

TEST_F(NdpiLibrary, ABlockKeepsItsBytesWhenItGrows) {
  const Binding binding(arena_, holder_, kMost);
  void* block = gcry_malloc(100);
  std::memset(block, 7, 100);
  auto* grown = static_cast<const unsigned char*>(gcry_realloc(block, 1000));
  ASSERT_NE(grown, nullptr);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(grown[i], 7);
  EXPECT_EQ(arena_.taken(), 1024U);
  arena_.give_back_all(holder_);
}

TEST_F(NdpiLibrary, DoesNotFreeWhatIsNotTheHolders) {
  BlockArena::Holder other{.number = 4};
  void* others = arena_.take(100, kMost, other);
  void* elsewhere = std::malloc(100);
  {
    const Binding binding(arena_, holder_, kMost);
    ndpi_free(others);
    ndpi_free(elsewhere);
    EXPECT_EQ(gcry_realloc(elsewhere, 200), nullptr);
    ndpi_free(static_cast<std::byte*>(others) + 16);
    EXPECT_EQ(binding.strays(), 4U);
  }
  EXPECT_TRUE(arena_.give_back(others, other));
  std::free(elsewhere);
}

}  // namespace
}  // namespace millrace::dpi::ndpi
