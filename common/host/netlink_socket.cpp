// SPDX-License-Identifier: BSD-3-Clause
#include "common/host/netlink_socket.h"

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include "common/host/netlink_attributes.h"

namespace millrace::host {
namespace {

// The kernel fills a dump's datagram up to 32 KiB when the reader offers that much (af_netlink.c,
// netlink_dump).
constexpr std::size_t kBufferBytes = std::size_t{64} * 1024;

// The kernel's own sentence, which follows the error when NETLINK_EXT_ACK is on (NLMSGERR_ATTR_MSG).
std::string extended_text(const nlmsghdr& message) {
  if ((message.nlmsg_flags & NLM_F_ACK_TLVS) == 0) return {};
  std::size_t offset = sizeof(nlmsgerr);
  if ((message.nlmsg_flags & NLM_F_CAPPED) == 0) {
    const auto* error = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(&message));
    if (error->msg.nlmsg_len < sizeof(nlmsghdr)) return {};
    offset += MNL_ALIGN(error->msg.nlmsg_len) - sizeof(nlmsghdr);
  }
  const Bytes payload{static_cast<const std::uint8_t*>(mnl_nlmsg_get_payload(&message)),
                      mnl_nlmsg_get_payload_len(&message)};
  if (offset > payload.size()) return {};
  Attributes<NLMSGERR_ATTR_MSG + 1> attributes;
  attributes.add_all(payload.subspan(offset));
  const Bytes text = attributes.bytes(NLMSGERR_ATTR_MSG);
  return {text.begin(), std::find(text.begin(), text.end(), 0)};
}

}  // namespace

void NetlinkSocket::Close::operator()(mnl_socket* socket) const noexcept { mnl_socket_close(socket); }

Result<NetlinkSocket> NetlinkSocket::open(std::span<const unsigned> groups, int receive_buffer_bytes) {
  mnl_socket* raw = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (raw == nullptr) return failure("open a netlink socket", errno_text(errno));
  NetlinkSocket socket(raw, kBufferBytes);
  if (mnl_socket_bind(raw, 0, MNL_SOCKET_AUTOPID) < 0)
    return failure("bind a netlink socket", errno_text(errno));
  int on = 1;
  // Kernels before 4.12 lack these: the errors then come without a sentence.
  mnl_socket_setsockopt(raw, NETLINK_EXT_ACK, &on, sizeof on);
  mnl_socket_setsockopt(raw, NETLINK_CAP_ACK, &on, sizeof on);
  if (receive_buffer_bytes > 0 && setsockopt(socket.fd(), SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer_bytes,
                                             sizeof receive_buffer_bytes) != 0) {
    setsockopt(socket.fd(), SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof receive_buffer_bytes);
  }
  for (unsigned group : groups) {
    if (mnl_socket_setsockopt(raw, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0) {
      return failure(fmt::format("subscribe to netlink group {}", group), errno_text(errno));
    }
  }
  return socket;
}

int NetlinkSocket::fd() const noexcept { return mnl_socket_get_fd(socket_.get()); }

Result<NetlinkSocket::Received> NetlinkSocket::receive() {
  while (true) {
    const ssize_t got = mnl_socket_recvfrom(socket_.get(), buffer_.data(), buffer_.size());
    if (got >= 0) {
      return Received{Outcome::kMessages, Bytes(buffer_).first(static_cast<std::size_t>(got))};
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return Received{Outcome::kEmpty, {}};
    // ENOSPC is libmnl's word for a datagram longer than the buffer: what was cut off is lost, as in an
    // overrun.
    if (errno == ENOBUFS || errno == ENOSPC) return Received{Outcome::kOverrun, {}};
    return failure("read from netlink", errno_text(errno));
  }
}

Result<NetlinkSocket::Answer> NetlinkSocket::request(nlmsghdr& message,
                                                     const std::function<void(const nlmsghdr&)>& on_message) {
  const bool dump = (message.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
  message.nlmsg_flags |= NLM_F_REQUEST;
  if (!dump) message.nlmsg_flags |= NLM_F_ACK;
  message.nlmsg_seq = ++sequence_;
  if (mnl_socket_sendto(socket_.get(), &message, message.nlmsg_len) < 0) {
    return failure("write to netlink", errno_text(errno));
  }
  Answer answer;
  while (true) {
    const auto received = receive();
    if (!received) return tl::unexpected(received.error());
    if (received->outcome != Outcome::kMessages)
      return failure("read from netlink", "no answer to the request");
    Bytes rest = received->messages;
    while (const nlmsghdr* reply = next_message(rest)) {
      if (reply->nlmsg_seq != message.nlmsg_seq) continue;
      if ((reply->nlmsg_flags & NLM_F_DUMP_INTR) != 0) answer.interrupted = true;
      if (reply->nlmsg_type == NLMSG_DONE) return answer;
      if (reply->nlmsg_type != NLMSG_ERROR) {
        on_message(*reply);
        continue;
      }
      if (mnl_nlmsg_get_payload_len(reply) < sizeof(nlmsgerr)) {
        return failure("read from netlink", "an error message is cut short");
      }
      answer.code = -static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(reply))->error;
      answer.text = extended_text(*reply);
      return answer;
    }
  }
}

const nlmsghdr* next_message(Bytes& rest) noexcept {
  const auto* message = reinterpret_cast<const nlmsghdr*>(rest.data());
  if (rest.size() < sizeof(nlmsghdr) || !mnl_nlmsg_ok(message, static_cast<int>(rest.size()))) return nullptr;
  rest = rest.subspan(std::min<std::size_t>(MNL_ALIGN(message->nlmsg_len), rest.size()));
  return message;
}

}  // namespace millrace::host
