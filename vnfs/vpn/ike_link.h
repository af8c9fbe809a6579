// SPDX-License-Identifier: BSD-3-Clause
// One connection of a SOCK_SEQPACKET socket: records in, records out, bounded in both directions. Control
// thread.
#pragma once

#include <boost/asio/generic/seq_packet_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "common/base/reader.h"
#include "vnfs/vpn/ike_messages.h"

namespace millrace::vpn::ike {

class Link : public std::enable_shared_from_this<Link> {
 public:
  using Socket = boost::asio::generic::seq_packet_protocol::socket;
  struct Handler {
    // False: close, after what was sent. The bytes are wiped when it returns.
    std::function<bool(Bytes message)> message;
    // Once, and not after close(). Empty when the other side simply went.
    std::function<void(std::string_view why)> closed;
  };

  Link(Socket socket, pid_t process);

  // Ends by itself when greeted() is not called in time.
  void start(std::chrono::steady_clock::duration patience, Handler handler);
  void greeted() { greeting_.cancel(); }
  void send(Message message);
  void close();
  [[nodiscard]] pid_t process() const noexcept { return process_; }

  static constexpr std::size_t kMostWaiting = 4096;  // messages that the other side does not take
  static constexpr unsigned kMostAtOnce = 32;        // messages taken before others have their turn

 private:
  void await_message();
  void receive();
  void await_room();
  void flush();
  void give_up(std::string why);
  void end(std::string_view why);

  Socket socket_;
  pid_t process_;
  boost::asio::steady_timer greeting_;
  Handler handler_;
  std::vector<std::uint8_t> buffer_;
  std::deque<Message> waiting_;
  std::string trouble_;  // why the socket was shut
  bool awaits_room_ = false;
  bool open_ = true;
};

}  // namespace millrace::vpn::ike
