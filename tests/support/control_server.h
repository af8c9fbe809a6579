// SPDX-License-Identifier: BSD-3-Clause
// The control API of a fake appliance behind a Unix socket, on a thread of its own.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <future>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

#include <unistd.h>

#include "common/control/api.h"
#include "common/http/server.h"
#include "tests/support/fake_appliance.h"

namespace millrace::test {

// The appliance may be changed until start(); then it belongs to the server's thread until stop().
class ControlServer {
 public:
  FakeAppliance appliance;

  ControlServer() {
    std::string folder = (std::filesystem::temp_directory_path() / "millrace-control-XXXXXX").string();
    if (::mkdtemp(folder.data()) == nullptr) throw std::runtime_error("mkdtemp");
    folder_ = folder;
  }
  ~ControlServer() {
    stop();
    std::filesystem::remove_all(folder_);
  }
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  [[nodiscard]] std::filesystem::path folder() const { return folder_; }
  [[nodiscard]] std::filesystem::path socket() const { return folder_ / "fw.sock"; }

  // Answers of slow calls come from a later turn of the loop.
  void start() {
    appliance.later = [this](std::function<void()> answer) { boost::asio::post(io_, std::move(answer)); };
    http::Router router;
    control::add_api(router, appliance);
    server_.emplace(io_, std::move(router));
    if (const auto listening = server_->listen_unix(socket()); !listening) {
      throw std::runtime_error(listening.error().message());
    }
    thread_ = std::thread([this] { io_.run(); });
  }

  // Runs something on the server's thread and waits for it.
  void run(const std::function<void()>& what) {
    std::promise<void> done;
    boost::asio::post(io_, [&] {
      what();
      done.set_value();
    });
    done.get_future().wait();
  }

  void stop() {
    if (!thread_.joinable()) return;
    boost::asio::post(io_, [this] { server_->stop(std::chrono::seconds(1)); });
    thread_.join();
  }

 private:
  std::filesystem::path folder_;
  boost::asio::io_context io_{1};
  std::optional<http::Server> server_;
  std::thread thread_;
};

}  // namespace millrace::test
