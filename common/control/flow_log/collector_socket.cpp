// SPDX-License-Identifier: BSD-3-Clause
#include "common/control/flow_log/collector_socket.h"

#include <array>
#include <cerrno>
#include <memory>
#include <utility>

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace millrace::control {
void CollectorSocket::close() noexcept {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

int CollectorSocket::wait_writable(std::chrono::milliseconds at_most) const noexcept {
  const auto deadline = std::chrono::steady_clock::now() + at_most;
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return ETIMEDOUT;
    std::array<pollfd, 2> wanted = {pollfd{fd_, POLLOUT, 0}, pollfd{wake_, POLLIN, 0}};
    const int ready = ::poll(wanted.data(), wanted.size(), static_cast<int>(left.count()));
    if (ready < 0 && errno != EINTR) return errno;
    if (ready <= 0) continue;
    if (wanted[0].revents != 0) return 0;
    return ECANCELED;
  }
}

Result<void> CollectorSocket::connect(const std::string& host, std::uint16_t port, Transport transport,
                                      std::chrono::milliseconds at_most) {
  close();
  const std::string service = std::to_string(port);
  const std::string attempt = "connect to the collector " + host + " port " + service;
  addrinfo hints{};
  hints.ai_socktype = transport == Transport::kUdp ? SOCK_DGRAM : SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* list = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), service.c_str(), &hints, &list); error != 0) {
    return failure(attempt, error == EAI_SYSTEM ? errno_text(errno) : gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, &::freeaddrinfo);
  int error = EADDRNOTAVAIL;
  for (const addrinfo* at = list; at != nullptr; at = at->ai_next) {
    fd_ = ::socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, at->ai_protocol);
    if (fd_ < 0) {
      error = errno;
      continue;
    }
    error = ::connect(fd_, at->ai_addr, at->ai_addrlen) == 0 ? 0 : errno;
    if (error == EINPROGRESS) {
      error = wait_writable(at_most);
      socklen_t size = sizeof error;
      if (error == 0 && ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    }
    if (error == 0) return {};
    close();
  }
  return failure(attempt, errno_text(error));
}

Result<void> CollectorSocket::send(Bytes message, std::chrono::milliseconds at_most) {
  while (!message.empty()) {
    const ssize_t count = ::send(fd_, message.data(), message.size(), MSG_NOSIGNAL);
    if (count >= 0) {
      message = message.subspan(static_cast<std::size_t>(count));
      continue;
    }
    int error = errno;
    if (error == EINTR) continue;
    if (error == EAGAIN) error = wait_writable(at_most);
    if (error != 0) return failure("send to the collector", errno_text(error));
  }
  return {};
}

bool CollectorSocket::hung_up() const noexcept {
  std::array<std::uint8_t, 64> unwanted{};
  for (;;) {
    // A collector has nothing to say; what it says all the same is read so that its end is seen.
    const ssize_t count = ::recv(fd_, unwanted.data(), unwanted.size(), MSG_DONTWAIT);
    if (count == 0) return true;
    if (count < 0 && errno != EINTR) return errno != EAGAIN;
  }
}

}  // namespace millrace::control
