// SPDX-License-Identifier: BSD-3-Clause
// The way to a collector: a UDP or TCP socket whose waits end when the sink does.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "common/base/reader.h"
#include "common/base/result.h"

namespace millrace::control {

enum class Transport : std::uint8_t { kUdp, kTcp };

// One thread; `wake` is an eventfd of the owner's that ends every wait once it is readable. The name of the
// collector is resolved at each connect, by the system's resolver, and that alone can not be ended early.
class CollectorSocket {
 public:
  explicit CollectorSocket(int wake) noexcept : wake_(wake) {}
  ~CollectorSocket() { close(); }
  CollectorSocket(const CollectorSocket&) = delete;
  CollectorSocket& operator=(const CollectorSocket&) = delete;

  // Tries the addresses of the name in turn.
  [[nodiscard]] Result<void> connect(const std::string& host, std::uint16_t port, Transport transport,
                                     std::chrono::milliseconds at_most);
  // The whole message. An error says that nothing, or not all of it, went out: the connection is of no
  // further use. Over UDP success means that it was sent, and an error may be about the datagram before.
  [[nodiscard]] Result<void> send(Bytes message, std::chrono::milliseconds at_most);
  [[nodiscard]] bool is_open() const noexcept { return fd_ >= 0; }
  // TCP: the collector has closed or reset the connection.
  [[nodiscard]] bool hung_up() const noexcept;
  void close() noexcept;

 private:
  // 0, or the error: ETIMEDOUT, ECANCELED when woken.
  [[nodiscard]] int wait_writable(std::chrono::milliseconds at_most) const noexcept;

  int wake_;
  int fd_ = -1;
};

}  // namespace millrace::control
