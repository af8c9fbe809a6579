// SPDX-License-Identifier: BSD-3-Clause
// A server on its own thread, sockets that speak raw bytes to it, and a folder that goes away.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/http/server.h"

namespace millrace::http::test {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = "/tmp/millrace-http-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  [[nodiscard]] std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

// Closing it is the only thing it does by itself. A read gives up after ten seconds, so a test fails, not
// hangs.
class RawSocket {
 public:
  explicit RawSocket(int fd) : fd_(fd) {
    const timeval patience{10, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  }
  RawSocket(RawSocket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  RawSocket& operator=(RawSocket&&) = delete;
  ~RawSocket() { close(); }

  static RawSocket to_tcp(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return connected(AF_INET, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }
  static RawSocket to_unix(const std::filesystem::path& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    return connected(AF_UNIX, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }

  [[nodiscard]] bool open() const { return fd_ >= 0; }
  [[nodiscard]] int fd() const { return fd_; }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  void finish() const { ::shutdown(fd_, SHUT_WR); }

  // False when the other end no longer takes it.
  bool send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  // Everything until the other end closes; "<no end>" behind it when it does not, "<reset>" when it does so
  // rudely.
  [[nodiscard]] std::string read_all() const {
    return read_while([](const std::string&) { return true; });
  }
  // Until the bytes so far contain `text`.
  [[nodiscard]] std::string read_until(std::string_view text) const {
    return read_while([text](const std::string& got) { return got.find(text) == std::string::npos; });
  }

 private:
  static RawSocket connected(int family, const sockaddr* address, socklen_t size) {
    const int fd = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::connect(fd, address, size) != 0) {
      ADD_FAILURE() << "connect: " << std::strerror(errno);
      ::close(fd);
      return RawSocket(-1);
    }
    return RawSocket(fd);
  }
  template <class Condition>
  [[nodiscard]] std::string read_while(Condition wanted) const {
    std::string got;
    std::vector<char> buffer(64 * 1024);
    while (wanted(got)) {
      const ssize_t size = ::recv(fd_, buffer.data(), buffer.size(), 0);
      if (size < 0) return got + (errno == ECONNRESET ? "<reset>" : "<no end>");
      if (size == 0) return got;
      got.append(buffer.data(), static_cast<std::size_t>(size));
    }
    return got;
  }

  int fd_;
};

inline std::string header_of(std::string_view message) {
  return std::string(message.substr(0, message.find("\r\n\r\n")));
}

inline std::size_t count_of(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size()))
    ++count;
  return count;
}

// Runs a server on a thread of its own.
class LiveServer {
 public:
  explicit LiveServer(Router router, Limits limits = {}) {
    server_ = std::make_unique<Server>(io_, std::move(router), limits, [this](std::string_view what) {
      const std::lock_guard lock(mutex_);
      reports_.emplace_back(what);
    });
    thread_ = std::thread([this] { io_.run(); });
  }
  LiveServer(const LiveServer&) = delete;
  LiveServer& operator=(const LiveServer&) = delete;
  ~LiveServer() {
    on_thread([this] { server_.reset(); });
    work_.reset();
    thread_.join();
  }

  // Does it on the server's thread and waits for it.
  template <class Work>
  std::invoke_result_t<Work> on_thread(Work work) {
    std::packaged_task<std::invoke_result_t<Work>()> task(std::move(work));
    auto done = task.get_future();
    boost::asio::post(io_, [&task] { task(); });
    return done.get();
  }
  [[nodiscard]] std::uint16_t tcp() {
    const auto port = on_thread([this] { return server_->listen_tcp("127.0.0.1", 0); });
    if (!port) ADD_FAILURE() << port.error().message();
    return port.value_or(0);
  }
  [[nodiscard]] Result<void> unix_socket(const std::filesystem::path& path, unsigned mode = 0660) {
    return on_thread([&, this] { return server_->listen_unix(path, mode); });
  }
  // Starts to stop; the future is ready when all has ended.
  [[nodiscard]] std::future<void> stop(std::chrono::milliseconds grace) {
    auto stopped = std::make_shared<std::promise<void>>();
    on_thread([&, this] { server_->stop(grace, [stopped] { stopped->set_value(); }); });
    return stopped->get_future();
  }
  [[nodiscard]] Server& server() { return *server_; }
  [[nodiscard]] std::vector<std::string> reports() {
    const std::lock_guard lock(mutex_);
    return reports_;
  }

 private:
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{io_.get_executor()};
  std::mutex mutex_;
  std::vector<std::string> reports_;
  std::unique_ptr<Server> server_;
  std::thread thread_;
};

// What most tests ask for: "/v1/health", "/v1/echo", "/v1/items/{id}", and a stream of numbered lines.
inline Router sample_router() {
  Router router;
  router.on(Method::kGet, "/v1/health", [](const Request&) { return Response::text(200, "well\n"); })
      .on(Method::kPost, "/v1/echo", [](const Request& request) { return Response::text(200, request.body); })
      .on(Method::kPut, "/v1/items/{id}",
          [](const Request& request) {
            return Response::text(201, std::string(request.variables.get("id")) + "=" + request.body);
          })
      .on(Method::kDelete, "/v1/items/{id}", [](const Request&) { return Response::empty(); })
      .on(Method::kGet, "/v1/lines", [](const Request& request) {
        const auto count = std::stoul(std::string(request.query.get("count", "3")));
        return Response::stream(200, "text/plain", [count, at = 0UL]() mutable -> Chunk {
          if (at == count) return std::nullopt;
          return "line " + std::to_string(++at) + "\n";
        });
      });
  return router;
}

}  // namespace millrace::http::test
