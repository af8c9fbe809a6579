// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/vpn/ike_link.h"

#include <cerrno>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "common/base/result.h"

namespace millrace::vpn::ike {
namespace {

using ErrorCode = boost::system::error_code;

bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK; }

}  // namespace

Link::Link(Socket socket, pid_t process)
    : socket_(std::move(socket)),
      process_(process),
      greeting_(socket_.get_executor()),
      buffer_(MILLRACE_IKE_MOST_BYTES) {
  (void)::mlock(buffer_.data(),
                buffer_.size());  // keys pass through it; where it is not allowed they still do
}

void Link::start(std::chrono::steady_clock::duration patience, Handler handler) {
  handler_ = std::move(handler);
  greeting_.expires_after(patience);
  greeting_.async_wait([weak = weak_from_this()](ErrorCode stopped) {
    const auto self = weak.lock();
    if (!stopped && self) self->end("it did not say hello in time");
  });
  await_message();
}

void Link::await_message() {
  socket_.async_wait(Socket::wait_read, [self = shared_from_this()](ErrorCode error) {
    if (!error && self->open_) self->receive();
  });
}

void Link::receive() {
  for (unsigned taken = 0; taken < kMostAtOnce && open_; ++taken) {
    const ssize_t size =
        ::recv(socket_.native_handle(), buffer_.data(), buffer_.size(), MSG_DONTWAIT | MSG_TRUNC);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && would_block(errno)) break;
    if (size < 0) return end(errno == ECONNRESET ? std::string() : "receive: " + errno_text(errno));
    if (size == 0) return end(trouble_);
    const auto length = static_cast<std::size_t>(size);
    if (length > buffer_.size()) {
      OPENSSL_cleanse(buffer_.data(), buffer_.size());
      return end(fmt::format("a message of {} bytes; there are {} at most", length, buffer_.size()));
    }
    const bool on = handler_.message(Bytes(buffer_).first(length));
    OPENSSL_cleanse(buffer_.data(), length);
    if (!on) return end("");
  }
  if (open_) await_message();
}

void Link::send(Message message) {
  if (!open_ || !trouble_.empty()) return;
  waiting_.push_back(std::move(message));
  if (waiting_.size() > kMostWaiting) return give_up("it does not take what it is sent");
  if (!awaits_room_) flush();
}

void Link::flush() {
  while (!waiting_.empty()) {
    const Message& next = waiting_.front();
    if (::send(socket_.native_handle(), next.data(), next.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
      if (errno == EINTR) continue;
      if (would_block(errno)) return await_room();
      return give_up("send: " + errno_text(errno));
    }
    waiting_.pop_front();
  }
}

// The end comes in a later turn, by way of the socket: whoever sends may be in the middle of something.
void Link::give_up(std::string why) {
  trouble_ = std::move(why);
  waiting_.clear();
  (void)::shutdown(socket_.native_handle(), SHUT_RDWR);
}

void Link::await_room() {
  awaits_room_ = true;
  socket_.async_wait(Socket::wait_write, [self = shared_from_this()](ErrorCode error) {
    self->awaits_room_ = false;
    if (!error && self->open_) self->flush();
  });
}

void Link::end(std::string_view why) {
  if (!open_) return;
  const std::string kept(why);
  const auto closed = std::move(handler_.closed);
  const auto self = shared_from_this();  // its owner lets go of it
  close();
  if (closed) closed(kept);
}

void Link::close() {
  open_ = false;
  greeting_.cancel();
  ErrorCode ignored;
  socket_.close(ignored);
  waiting_.clear();
}

}  // namespace millrace::vpn::ike
