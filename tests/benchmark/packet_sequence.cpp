// SPDX-License-Identifier: BSD-3-Clause
#include "tests/benchmark/packet_sequence.h"

#include <algorithm>
#include <numeric>
#include <random>

#include "common/net/wire.h"

namespace millrace::benchmark {

PacketSequence::PacketSequence(const Traffic& traffic, bool client, Size size, rte_mbuf* scratch) {
  std::mt19937 random(client ? 1 : 2);
  std::vector<unsigned> order(traffic.flows());
  std::iota(order.begin(), order.end(), 0U);
  std::shuffle(order.begin(), order.end(), random);
  packets_.reserve(order.size());
  for (const unsigned flow : order) {
    traffic.write(scratch, traffic.flow(flow), client ? Step::kData : Step::kReply,
                  frame_bytes(size, static_cast<std::uint32_t>(random())));
    Packet& packet = packets_.emplace_back();
    std::memcpy(packet.start.data(), rte_pktmbuf_mtod(scratch, const void*), packet.start.size());
    packet.bytes = scratch->data_len;
  }
}

void PacketSequence::write(std::span<rte_mbuf* const> mbufs, std::uint64_t stamp) noexcept {
  for (rte_mbuf* mbuf : mbufs) {
    const Packet& packet = packets_[next_];
    if (++next_ == packets_.size()) next_ = 0;
    auto* frame = rte_pktmbuf_mtod(mbuf, std::uint8_t*);
    std::memcpy(frame, &packet, sizeof packet);
    std::memcpy(frame + kStampAt, &stamp, 6);
    mbuf->data_len = packet.bytes;
    mbuf->pkt_len = packet.bytes;
  }
}

bool PacketSequence::is_tcp4(const rte_mbuf* mbuf) noexcept {
  if (mbuf->data_len < 60) return false;
  const auto* frame = rte_pktmbuf_mtod(mbuf, const std::uint8_t*);
  const auto& ethernet = *reinterpret_cast<const net::EthernetHeader*>(frame);
  const auto& ip = *reinterpret_cast<const net::Ipv4Header*>(frame + sizeof ethernet);
  return ethernet.type == be16(net::ether_type::kIpv4) && ip.version_length == 0x45 &&
         ip.protocol == net::protocol::kTcp;
}

}  // namespace millrace::benchmark
