// SPDX-License-Identifier: BSD-3-Clause
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <sys/stat.h>

#include "tests/unit/load_balancer/discovery/heard.h"

namespace millrace::load_balancer::discovery::test {
namespace {

class WatchFile : public Heard {
 protected:
  WatchFile() {
    std::string name = ::testing::TempDir() + "millrace-discovery-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    top_ = name;
    folder_ = top_ / "lists";
    std::filesystem::create_directory(folder_);
    path_ = folder_ / "web.txt";
  }
  ~WatchFile() override { std::filesystem::remove_all(top_); }

  static void write(const std::filesystem::path& path, const std::string& text) {
    std::ofstream(path) << text;
  }
  // As editors and orchestrators do it.
  void replace(const std::string& text) const {
    write(folder_ / "next", text);
    std::filesystem::rename(folder_ / "next", path_);
  }
  std::unique_ptr<BackendSource> watch() { return watch_file(io_, path_.string(), listener()); }
  [[nodiscard]] std::string place() const { return path_.string(); }

  std::filesystem::path top_;
  std::filesystem::path folder_;
  std::filesystem::path path_;
};

TEST_F(WatchFile, TellsOfEachChangeHoweverItIsMade) {
  write(path_, "10.0.0.1\n");
  const auto source = watch();
  EXPECT_TRUE(heard_.empty()) << "not before it has returned";
  EXPECT_EQ(heard(1), "backends 10.0.0.1");
  write(path_, "10.0.0.1\n10.0.0.2\n");
  EXPECT_EQ(heard(2), "backends 10.0.0.1 10.0.0.2");
  replace("10.0.0.3\n");
  EXPECT_EQ(heard(3), "backends 10.0.0.3");
  replace("2001:db8::1\n");
  EXPECT_EQ(heard(4), "backends 2001:db8::1");
  write(path_, "# nobody\n");
  EXPECT_EQ(heard(5), "backends");
}

TEST_F(WatchFile, SaysNothingOfChangesThatChangeNothing) {
  write(path_, "10.0.0.1\n");
  const auto source = watch();
  EXPECT_EQ(heard(1), "backends 10.0.0.1");
  replace("# the same\n10.0.0.1\n");
  write(folder_ / "other.txt", "10.0.0.9\n");
  replace("10.0.0.2\n");
  EXPECT_EQ(heard(2), "backends 10.0.0.2");
}

TEST_F(WatchFile, DoesNotReadWhatIsStillWritten) {
  write(path_, "10.0.0.1\n");
  const auto source = watch();
  EXPECT_EQ(heard(1), "backends 10.0.0.1");
  std::ofstream writer(path_);  // empties it
  writer << "10.0.0.1\n10.0.0.2\n" << std::flush;
  write(folder_ / "other.txt", "");
  io_.restart();
  io_.run_for(std::chrono::milliseconds(600));  // two looks of the timer
  EXPECT_EQ(heard_.size(), 1U);
  writer << "10.0.0.3\n";
  writer.close();
  EXPECT_EQ(heard(2), "backends 10.0.0.1 10.0.0.2 10.0.0.3");
}

TEST_F(WatchFile, KeepsTheListThroughErrorsAndSaysThemOnce) {
  write(path_, "10.0.0.1\n");
  const auto source = watch();
  EXPECT_EQ(heard(1), "backends 10.0.0.1");
  const std::string wrong = "10.0.0.2\nnonsense\n10.0.0.3 port=99999\n";
  replace(wrong);
  EXPECT_EQ(heard(2),
            "trouble " + place() +
                ":2: read the list of backends: \"nonsense\" is no address; a line is ADDRESS [port=N] "
                "[weight=N] " +
                place() + ":3: read the list of backends: port \"99999\" is not from 1 to 65535");
  replace(wrong + "\n");
  replace("10.0.0.1\n");
  EXPECT_EQ(heard(3), "well again") << "and the list is what it was";
  std::filesystem::remove(path_);
  EXPECT_EQ(heard(4), "trouble " + place() + ": read the list of backends: No such file or directory");
  replace("10.0.0.4\n");
  EXPECT_EQ(heard(6), "backends 10.0.0.4");
}

TEST_F(WatchFile, WaitsForAFileAndAFolderThatAreNotThereYet) {
  path_ = top_ / "later" / "web.txt";
  const auto source = watch();
  EXPECT_EQ(heard(1), "trouble " + place() + ": read the list of backends: No such file or directory");
  folder_ = top_ / "later";
  std::filesystem::create_directory(folder_);
  replace("10.0.0.1\n");
  EXPECT_EQ(heard(3), "backends 10.0.0.1");
  // The folder is exchanged for another, and that is watched then.
  std::filesystem::create_directory(top_ / "next");
  write(top_ / "next" / "web.txt", "10.0.0.2\n");
  std::filesystem::rename(folder_, top_ / "old");
  std::filesystem::rename(top_ / "next", folder_);
  run_until([&] { return heard_.back() == "backends 10.0.0.2"; });
  write(path_, "10.0.0.3\n");
  run_until([&] { return heard_.back() == "backends 10.0.0.3"; });
}

TEST_F(WatchFile, FollowsSymbolicLinksThatAreExchanged) {
  // A mounted ConfigMap: web.txt -> data/web.txt, data -> version-1.
  for (const char* version : {"1", "2"}) {
    std::filesystem::create_directory(folder_ / (std::string("version-") + version));
    write(folder_ / (std::string("version-") + version) / "web.txt", std::string("10.0.0.") + version + "\n");
  }
  std::filesystem::create_symlink("version-1", folder_ / "data");
  std::filesystem::create_symlink("data/web.txt", path_);
  const auto source = watch();
  EXPECT_EQ(heard(1), "backends 10.0.0.1");
  std::filesystem::create_symlink("version-2", folder_ / "data-next");
  std::filesystem::rename(folder_ / "data-next", folder_ / "data");
  EXPECT_EQ(heard(2), "backends 10.0.0.2");
}

TEST_F(WatchFile, IsNotHeldUpByWhatIsNoFile) {
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  const auto fifo = watch();
  EXPECT_EQ(heard(1), "trouble " + place() + ": read the list of backends: not a file");
  replace(std::string(5'000'000, '#'));
  EXPECT_EQ(heard(2), "trouble " + place() + ": read the list of backends: more than 4194304 bytes");
}

TEST_F(WatchFile, IsSilentAfterItsEndAndMayBeEndedByItsListener) {
  write(path_, "10.0.0.1\n");
  std::unique_ptr<BackendSource> source;
  std::size_t calls = 0;
  source = watch_file(io_, path_.string(),
                      {.on_backends =
                           [&](const std::vector<FoundBackend>&) {
                             ++calls;
                             source.reset();
                           },
                       .on_trouble = {}});
  run_until([&] { return calls > 0; });
  replace("10.0.0.2\n");
  io_.restart();
  io_.run();  // nothing is left to wait for
  EXPECT_EQ(calls, 1U);
}

}  // namespace
}  // namespace millrace::load_balancer::discovery::test
