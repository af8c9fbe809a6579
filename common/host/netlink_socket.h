// SPDX-License-Identifier: BSD-3-Clause
// One rtnetlink socket: non-blocking, closed on destruction, one thread. The kernel answers a request before
// send() returns, so a read that finds nothing is an answer that will never come, not one to wait for.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/base/reader.h"
#include "common/base/result.h"

struct mnl_socket;
struct nlmsghdr;

namespace millrace::host {

class NetlinkSocket {
 public:
  enum class Outcome : std::uint8_t { kMessages, kEmpty, kOverrun };
  struct Received {
    Outcome outcome = Outcome::kEmpty;
    Bytes messages;  // valid until the next receive()
  };

  // `receive_buffer_bytes` 0 leaves the system's default; beyond net.core.rmem_max it needs CAP_NET_ADMIN,
  // and without that the socket gets what the system allows.
  [[nodiscard]] static Result<NetlinkSocket> open(std::span<const unsigned> groups,
                                                  int receive_buffer_bytes = 0);

  [[nodiscard]] int fd() const noexcept;
  [[nodiscard]] Result<Received> receive();

  // What became of a request. `code` is the kernel's errno, 0 for success; `text` its explanation when it
  // gives one.
  struct Answer {
    int code = 0;
    std::string text;
    bool interrupted = false;  // a dump that changed while it was read: what came may not fit together
  };
  // Sends the message with a fresh sequence number, asks for an acknowledgement (a dump ends by itself), and
  // calls `on_message` for each message of the reply.
  [[nodiscard]] Result<Answer> request(nlmsghdr& message,
                                       const std::function<void(const nlmsghdr&)>& on_message);

 private:
  struct Close {
    void operator()(mnl_socket* socket) const noexcept;
  };

  NetlinkSocket(mnl_socket* socket, std::size_t buffer_bytes) : socket_(socket), buffer_(buffer_bytes) {}

  std::unique_ptr<mnl_socket, Close> socket_;
  std::vector<std::uint8_t> buffer_;
  std::uint32_t sequence_ = 0;
};

// The next message of a buffer and the rest behind it, or null when what is left is no whole message.
[[nodiscard]] const nlmsghdr* next_message(Bytes& rest) noexcept;

}  // namespace millrace::host
