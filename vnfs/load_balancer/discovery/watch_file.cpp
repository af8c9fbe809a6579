// SPDX-License-Identifier: BSD-3-Clause
// The folder is watched, not the file: a file that is replaced is another file, and its watch would go with
// it.
#include <algorithm>
#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vnfs/load_balancer/discovery/backend_source.h"
#include "vnfs/load_balancer/discovery/news.h"

namespace millrace::load_balancer::discovery {
namespace {

namespace asio = boost::asio;
using ErrorCode = boost::system::error_code;

constexpr std::size_t kMostBytes = std::size_t{4} * 1024 * 1024;
// Between looks for what inotify does not tell: another folder in the place of ours, another target of a
// symbolic link, a remote file system.
constexpr std::chrono::milliseconds kLook{250};
constexpr std::uint32_t kEvents = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR;

// What stands under a name: another file is another inode, and one that is being written grows.
struct Seen {
  dev_t device = 0;
  ino_t inode = 0;
  off_t size = 0;
  std::int64_t changed_ns = 0;

  bool operator==(const Seen&) const = default;
  [[nodiscard]] bool same_file(const Seen& other) const {
    return device == other.device && inode == other.inode;
  }
};

// All zero when there is nothing.
Seen see(const std::filesystem::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return {};
  return {status.st_dev, status.st_ino, status.st_size,
          std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec};
}

tl::expected<std::string, std::string> read_whole(const std::filesystem::path& path) {
  // A FIFO in its place would be waited for.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return tl::unexpected(errno_text(errno));
  std::string text;
  std::string wrong;
  struct stat status {};
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) wrong = "not a file";
  std::array<char, 16384> buffer;
  while (wrong.empty()) {
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got == 0) break;
    if (got < 0 && errno != EINTR) wrong = errno_text(errno);
    if (got > 0) text.append(buffer.data(), static_cast<std::size_t>(got));
    if (text.size() > kMostBytes) wrong = fmt::format("more than {} bytes", kMostBytes);
  }
  ::close(fd);
  if (!wrong.empty()) return tl::unexpected(std::move(wrong));
  return text;
}

class WatchedFile : public std::enable_shared_from_this<WatchedFile> {
 public:
  WatchedFile(asio::io_context& io, std::string path, Listener listener)
      : path_(std::move(path)),
        folder_(path_.has_parent_path() ? path_.parent_path() : "."),
        news_(std::move(listener)),
        events_(io),
        timer_(io) {
    const int fd = ::inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    ErrorCode failed;
    if (fd >= 0) events_.assign(fd, failed);
    if (failed) ::close(fd);
  }

  void start() {
    watch_folder();
    if (events_.is_open()) await_events();
    // The first look comes by the timer: the listener is not called from here.
    look_after(std::chrono::milliseconds{0});
  }
  void stop() {
    stopped_ = true;
    ErrorCode ignored;
    events_.close(ignored);
    timer_.cancel();
  }

 private:
  // Without an inotify of our own, whose number is limited, the timer still sees files that are replaced.
  void watch_folder() {
    if (!events_.is_open()) return;
    const Seen now = see(folder_);
    if (watch_ >= 0 && now.same_file(watched_)) return;
    if (watch_ >= 0) (void)::inotify_rm_watch(events_.native_handle(), watch_);
    watch_ = ::inotify_add_watch(events_.native_handle(), folder_.c_str(), kEvents);
    watched_ = now;
  }

  void await_events() {
    events_.async_wait(asio::posix::stream_descriptor::wait_read,
                       [this, self = shared_from_this()](const ErrorCode& error) {
                         if (stopped_) return;
                         if (take_events()) look();
                         if (!error) await_events();
                       });
  }

  // Whether one of them is about the file itself.
  bool take_events() {
    bool ours = false;
    alignas(inotify_event) std::array<char, 4096> buffer;
    for (;;) {
      const ssize_t got = ::read(events_.native_handle(), buffer.data(), buffer.size());
      if (got <= 0) return ours;
      std::size_t at = 0;
      while (at + sizeof(inotify_event) <= static_cast<std::size_t>(got)) {
        inotify_event event;
        std::memcpy(&event, buffer.data() + at, sizeof event);
        const char* name = buffer.data() + at + sizeof event;
        if (event.len > 0 && path_.filename() == name) ours = true;
        if ((event.mask & IN_Q_OVERFLOW) != 0) ours = true;
        if ((event.mask & IN_IGNORED) != 0 && event.wd == watch_) watch_ = -1;
        at += sizeof event + event.len;
      }
    }
  }

  void look_after(std::chrono::milliseconds time) {
    timer_.expires_after(time);
    timer_.async_wait([this, self = shared_from_this()](const ErrorCode&) {
      if (stopped_) return;
      watch_folder();
      look_if_replaced();
      look_after(kLook);
    });
  }

  // One that is new and still grows is left to its writer.
  void look_if_replaced() {
    const Seen now = see(path_);
    if (!looked_ || (!now.same_file(read_) && now == settling_)) look();
    settling_ = now;
  }

  void look() {
    looked_ = true;
    read_ = see(path_);
    const auto text = read_whole(path_);
    if (!text) {
      news_.trouble({Error{"read the list of backends", text.error(), path_.string()}});
      return;
    }
    auto backends = parse_backends(*text, path_.string());
    if (backends) {
      news_.backends(std::move(*backends));
    } else {
      news_.trouble(backends.error());
    }
  }

  std::filesystem::path path_;
  std::filesystem::path folder_;
  News news_;
  asio::posix::stream_descriptor events_;
  asio::steady_timer timer_;
  int watch_ = -1;
  Seen watched_;   // the folder
  Seen read_;      // the file, when it was read last
  Seen settling_;  // the file, when the timer saw it last
  bool looked_ = false;
  bool stopped_ = false;
};

// Ends the watch when it goes; handlers on their way may hold it a moment longer.
class FileSource final : public BackendSource {
 public:
  explicit FileSource(std::shared_ptr<WatchedFile> watched) : watched_(std::move(watched)) {}
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;
  ~FileSource() override { watched_->stop(); }

 private:
  std::shared_ptr<WatchedFile> watched_;
};

}  // namespace

std::unique_ptr<BackendSource> watch_file(asio::io_context& io, std::string path, Listener listener) {
  auto watched = std::make_shared<WatchedFile>(io, std::move(path), std::move(listener));
  watched->start();
  return std::make_unique<FileSource>(std::move(watched));
}

}  // namespace millrace::load_balancer::discovery
