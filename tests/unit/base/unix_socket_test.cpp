// SPDX-License-Identifier: BSD-3-Clause
#include "common/base/unix_socket.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace millrace {
namespace {

using testing::HasSubstr;

struct UnixSocket : testing::Test {
  UnixSocket() {
    std::string name = (std::filesystem::temp_directory_path() / "millrace-unix.XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    folder = name;
    path = folder / "socket";
  }
  ~UnixSocket() override { std::filesystem::remove_all(folder); }

  [[nodiscard]] std::string why_not(int type = SOCK_STREAM) const {
    const auto listener = listen_unix(path, type, 0600, 1);
    return listener ? "" : listener.error().message();
  }

  std::filesystem::path folder;
  std::filesystem::path path;
};

TEST_F(UnixSocket, TheModeIsExactWhateverTheUmask) {
  const mode_t before = ::umask(0077);
  const auto listener = listen_unix(path, SOCK_SEQPACKET, 0620, 1);
  ::umask(before);
  ASSERT_TRUE(listener) << listener.error().message();
  struct stat found {};
  ASSERT_EQ(::stat(path.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777U, 0620U);
}

TEST_F(UnixSocket, TakesThePlaceOfADeadProcess) {
  { const auto dead = listen_unix(path, SOCK_STREAM, 0600, 1); }
  EXPECT_TRUE(std::filesystem::exists(path));
  EXPECT_EQ(why_not(), "");
}

TEST_F(UnixSocket, ALiveOneOfEitherTypeKeepsItsPlace) {
  const auto live = listen_unix(path, SOCK_SEQPACKET, 0600, 1);
  EXPECT_THAT(why_not(SOCK_SEQPACKET), HasSubstr("another process answers"));
  EXPECT_THAT(why_not(SOCK_STREAM), HasSubstr("another process answers"));
}

TEST_F(UnixSocket, WhatIsNoSocketStays) {
  std::ofstream(path) << "text";
  EXPECT_THAT(why_not(), HasSubstr("not a socket"));
  EXPECT_TRUE(std::filesystem::is_regular_file(path));
}

TEST_F(UnixSocket, APathThatDoesNotFitIsNamed) {
  path = folder / std::string(200, 'x');
  EXPECT_THAT(why_not(), HasSubstr("1 to 107 bytes"));
}

TEST_F(UnixSocket, OnlyItsOwnFileIsRemoved) {
  const auto listener = listen_unix(path, SOCK_STREAM, 0600, 1);
  ASSERT_TRUE(listener);
  std::filesystem::rename(path, folder / "moved");
  std::ofstream(path) << "text";
  listener->file.remove();
  EXPECT_TRUE(std::filesystem::exists(path));
  std::filesystem::rename(folder / "moved", path);
  listener->file.remove();
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace millrace
