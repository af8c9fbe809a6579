// SPDX-License-Identifier: BSD-3-Clause
// An echo request and its reply (RFC 792, RFC 4443 section 4). Through a datagram socket of the kernel's
// ping, which needs no privilege where net.ipv4.ping_group_range allows it, else through a raw one.
#include <algorithm>
#include <array>
#include <cstring>
#include <random>

#include <netinet/in.h>
#include <sys/socket.h>

#include "common/base/big_endian.h"
#include "common/net/checksum.h"
#include "common/net/wire.h"
#include "vnfs/load_balancer/health/kinds.h"
#include "vnfs/load_balancer/health/socket.h"

namespace millrace::load_balancer::health {
namespace {

namespace asio = boost::asio;

// The same in both families. The token, not the id, tells our echo from others: the kernel's ping has its own
// way with ids.
struct Echo {
  std::uint8_t type;
  std::uint8_t code;
  be16 checksum;
  be16 id;
  be16 sequence;
  std::array<std::uint8_t, 16> token;
};
static_assert(sizeof(Echo) == 24 && WireFormat<Echo>);

// Others' echoes to the same backend, which a raw socket hears.
constexpr int kMostOtherEchoes = 1024;

Echo echo_request(bool v4) {
  Echo echo{};
  std::random_device random;
  echo.type = v4 ? net::icmp::kEchoRequest : net::icmpv6::kEchoRequest;
  echo.id = be16(static_cast<std::uint16_t>(random()));
  echo.sequence = be16(1);
  for (auto& byte : echo.token) byte = static_cast<std::uint8_t>(random());
  // The kernel writes that of ICMPv6 itself, over the pseudo-header.
  if (v4) echo.checksum = net::finish(net::sum_object(echo));
  return echo;
}

bool is_reply_to(const Echo& request, Bytes bytes, bool v4, bool raw) {
  Reader reader(bytes);
  if (v4 && raw) {  // comes with its IPv4 header
    const auto* first = reader.peek<std::uint8_t>();
    if (first == nullptr || !reader.skip((*first & 0x0fU) * std::size_t{4})) return false;
  }
  const auto* reply = reader.read<Echo>();
  return reply != nullptr && reply->type == (v4 ? net::icmp::kEchoReply : net::icmpv6::kEchoReply) &&
         reply->sequence == request.sequence && reply->token == request.token;
}

}  // namespace

asio::awaitable<Outcome> check_icmp(Progress& progress) {
  const bool v4 = progress.target.address.is_v4();
  const int protocol = v4 ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6};
  DatagramSocket socket(progress.io);
  const WhileOpen open(progress, [&socket] { socket.close(); });
  bool raw = false;
  auto opened = socket.open(progress.target, SOCK_DGRAM, protocol);
  if (!opened && opened.error().verdict == Verdict::kNotRun) {
    raw = true;
    opened = socket.open(progress.target, SOCK_RAW, protocol);
  }
  if (!opened) co_return opened.error();

  const Echo request = echo_request(v4);
  const auto sent = socket.send({reinterpret_cast<const std::uint8_t*>(&request), sizeof request});
  if (!sent) co_return sent.error();
  progress.awaited = "echo reply";
  for (int others = 0; others < kMostOtherEchoes; ++others) {
    std::array<std::uint8_t, 128> buffer;  // an IPv4 header with all options, and an echo
    const auto received = co_await socket.receive(buffer);
    if (!received) co_return received.error();
    if (is_reply_to(request, *received, v4, raw)) co_return good("echo reply");
  }
  co_return bad("replies to others only");
}

}  // namespace millrace::load_balancer::health
