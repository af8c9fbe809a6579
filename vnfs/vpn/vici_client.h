// SPDX-License-Identifier: BSD-3-Clause
// A connection to charon's VICI socket, made again whenever it ends. Control thread.
#pragma once

#include <boost/json/fwd.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace boost::asio {
class io_context;
}

namespace millrace::vpn::vici {

class Client {
 public:
  struct Handler {
    std::function<void()> connected;                 // and what was subscribed to comes from here on
    std::function<void(std::string_view why)> gone;  // once per connection, and once when none is to be had
    std::function<void(std::string_view event, const boost::json::object& message)> event;
  };
  // Fails when charon went before it answered.
  using Answered = std::function<void(Result<boost::json::object> answer)>;

  // `events` are those to subscribe to.
  Client(boost::asio::io_context& io, std::filesystem::path socket, std::vector<std::string> events,
         Handler handler);
  ~Client();  // nothing is called any more
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void start();
  [[nodiscard]] bool connected() const noexcept;
  // Commands are answered in their order. The packet is wiped once it is sent.
  void ask(std::string_view command, const boost::json::object& message, Answered answered);

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace millrace::vpn::vici
