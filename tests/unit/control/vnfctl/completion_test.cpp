// SPDX-License-Identifier: BSD-3-Clause
// The scripts are run by the shells they are for.
#include "common/control/vnfctl/completion.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "tests/support/subprocess.h"

namespace millrace::vnfctl {
namespace {

const std::vector<CommandWords> kCommands{{"vnfctl", {"health", "profile", "--json"}, false},
                                          {"vnfctl health", {"--help"}, false},
                                          {"vnfctl profile", {"apply", "show"}, false},
                                          {"vnfctl profile apply", {"--help"}, true}};

// What bash offers for the last of `words`.
std::string offered(const std::string& words) {
  const auto bash =
      test::run_program({"bash", "--norc", "-c",
                         bash_completion(kCommands) + "COMP_WORDS=(" + words +
                             "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _vnfctl; echo ${COMPREPLY[*]}"});
  EXPECT_EQ(bash.status, 0) << bash.err;
  EXPECT_EQ(bash.err, "");
  return bash.out;
}

TEST(Completion, BashOffersWhatComesNext) {
  EXPECT_EQ(offered("vnfctl ''"), "health profile --json\n");
  EXPECT_EQ(offered("vnfctl he"), "health\n");
  EXPECT_EQ(offered("vnfctl --json pro"), "profile\n");
  EXPECT_EQ(offered("vnfctl profile ''"), "apply show\n");
  EXPECT_EQ(offered("vnfctl profile a"), "apply\n");
  // The repository's own folder of this test, in which the name is the only one of its kind.
  const std::string here = std::filesystem::path(__FILE__).parent_path().string();
  EXPECT_EQ(offered("vnfctl profile apply " + here + "/completion_t"), here + "/completion_test.cpp\n");
  EXPECT_EQ(offered("vnfctl profile apply --h"), "--help\n");
}

TEST(Completion, ZshReadsItsScript) {
  if (test::run_program({"zsh", "--version"}).status == 127) GTEST_SKIP() << "zsh is not installed";
  const auto zsh = test::run_program({"zsh", "-f", "-n"}, {}, zsh_completion(kCommands));
  EXPECT_EQ(zsh.status, 0) << zsh.err;
}

}  // namespace
}  // namespace millrace::vnfctl
