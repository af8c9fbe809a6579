// SPDX-License-Identifier: BSD-3-Clause
#include "common/core/port.h"

#include <algorithm>
#include <array>
#include <utility>

#include <net/if.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/core/owner.h"

namespace millrace::core {
namespace {

// Whether a network device of the kernel is there, up, and has a carrier.
bool kernel_device_runs(const std::string& name) {
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return true;  // out of descriptors: no reason to stop forwarding
  const bool known = ::ioctl(fd, SIOCGIFFLAGS, &request) == 0;
  ::close(fd);
  return known && (request.ifr_flags & IFF_UP) != 0 && (request.ifr_flags & IFF_RUNNING) != 0;
}

// "0x6d5a" over and over: see owner.h.
std::array<std::uint8_t, 40> symmetric_key() {
  std::array<std::uint8_t, 40> key{};
  for (std::size_t i = 0; i < key.size(); ++i) {
    key[i] = static_cast<std::uint8_t>(i % 2 == 0 ? kSymmetricRssWord >> 8 : kSymmetricRssWord & 0xff);
  }
  return key;
}

Result<PortId> find_port(const PortConfig& config) {
  const std::string attempt = "open port " + config.name;
  if (rte_dev_probe(config.device.c_str()) != 0) {
    return failure(attempt,
                   "no driver takes the device '" + config.device + "' (" + rte_strerror(rte_errno) + ")");
  }
  rte_dev_iterator iterator{};
  std::uint16_t id = RTE_MAX_ETHPORTS;
  RTE_ETH_FOREACH_MATCHING_DEV(id, config.device.c_str(), &iterator) {
    rte_eth_iterator_cleanup(&iterator);
    if (id >= kMaxPorts) return failure(attempt, "more than " + std::to_string(kMaxPorts) + " ports");
    return PortId(id);
  }
  return failure(attempt, "the device '" + config.device + "' is no network port");
}

}  // namespace

Port::Port(Port&& other) noexcept
    : id_(std::exchange(other.id_, PortId::none())),
      name_(std::move(other.name_)),
      device_(std::move(other.device_)),
      driver_(std::move(other.driver_)),
      kernel_device_(std::move(other.kernel_device_)),
      mac_(other.mac_),
      receive_queues_(other.receive_queues_),
      transmit_queues_(other.transmit_queues_),
      symmetric_rss_(other.symmetric_rss_) {}

Port::~Port() {
  if (!id_.valid()) return;
  rte_eth_dev_info info{};
  const bool known = rte_eth_dev_info_get(id_.value(), &info) == 0;
  rte_eth_dev_stop(id_.value());
  rte_eth_dev_close(id_.value());
  if (known) rte_dev_remove(info.device);
}

Result<Port> Port::open(const PortConfig& config, rte_mempool* pool) {
  const auto id = find_port(config);
  if (!id) return tl::unexpected(id.error());
  Port port;
  port.id_ = *id;
  port.name_ = config.name;
  port.device_ = config.device;
  const std::uint16_t number = id->value();
  const std::string attempt = "set up port " + config.name;
  const auto failed = [&](const char* what, int error) {
    return failure(attempt, std::string(what) + ": " + rte_strerror(-error));
  };

  rte_eth_dev_info info{};
  if (const int error = rte_eth_dev_info_get(number, &info); error != 0)
    return failed("read its abilities", error);
  port.driver_ = info.driver_name;
  // This driver's link is up from start to stop, whatever becomes of its device.
  std::array<char, IF_NAMESIZE> device{};
  if (port.driver_ == "net_af_packet" && if_indextoname(info.if_index, device.data()) != nullptr) {
    port.kernel_device_ = device.data();
  }
  port.receive_queues_ =
      std::clamp<std::uint16_t>(config.queues, 1, std::max<std::uint16_t>(info.max_rx_queues, 1));
  port.transmit_queues_ =
      std::clamp<std::uint16_t>(config.queues, 1, std::max<std::uint16_t>(info.max_tx_queues, 1));

  rte_eth_conf settings{};
  settings.rxmode.offloads = info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_IPV4_CKSUM;
  settings.txmode.offloads = info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
  const bool key_fits = info.hash_key_size == 0 || info.hash_key_size == 40 || info.hash_key_size == 52;
  auto key = symmetric_key();
  const std::uint64_t functions =
      info.flow_type_rss_offloads & (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_SCTP);
  if (port.receive_queues_ > 1 && functions != 0 && key_fits) {
    settings.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    settings.rx_adv_conf.rss_conf = {.rss_key = key.data(), .rss_key_len = 40, .rss_hf = functions};
    port.symmetric_rss_ = true;
  }
  if (const int error = rte_eth_dev_configure(number, port.receive_queues_, port.transmit_queues_, &settings);
      error != 0) {
    return failed("configure", error);
  }
  // A device that can not change its MTU either takes any frame or says so here; frames over the MTU are
  // never sent.
  const int mtu_error = rte_eth_dev_set_mtu(number, config.mtu);
  if (mtu_error != 0 && mtu_error != -ENOTSUP && mtu_error != -ENOSYS)
    return failed("set its MTU", mtu_error);

  std::uint16_t receive = config.descriptors;
  std::uint16_t transmit = config.descriptors;
  rte_eth_dev_adjust_nb_rx_tx_desc(number, &receive, &transmit);
  const auto socket = static_cast<unsigned>(SOCKET_ID_ANY);
  for (std::uint16_t queue = 0; queue < port.receive_queues_; ++queue) {
    if (const int error = rte_eth_rx_queue_setup(number, queue, receive, socket, nullptr, pool); error != 0) {
      return failed("set up a receive queue", error);
    }
  }
  for (std::uint16_t queue = 0; queue < port.transmit_queues_; ++queue) {
    if (const int error = rte_eth_tx_queue_setup(number, queue, transmit, socket, nullptr); error != 0) {
      return failed("set up a transmit queue", error);
    }
  }
  rte_ether_addr mac{};
  if (const int error = rte_eth_macaddr_get(number, &mac); error != 0)
    return failed("read its MAC address", error);
  std::copy(std::begin(mac.addr_bytes), std::end(mac.addr_bytes), port.mac_.bytes.begin());
  return port;
}

Result<void> Port::start() {
  if (const int error = rte_eth_dev_start(id_.value()); error != 0) {
    return failure("start port " + name_, rte_strerror(-error));
  }
  // Transparent pairs and additional MAC addresses need all frames; a device without the mode gives them
  // anyway.
  rte_eth_promiscuous_enable(id_.value());
  return {};
}

LinkState Port::link() const {
  rte_eth_link link{};
  if (rte_eth_link_get_nowait(id_.value(), &link) != 0) return {};
  const bool up =
      link.link_status == RTE_ETH_LINK_UP && (kernel_device_.empty() || kernel_device_runs(kernel_device_));
  return {.up = up, .speed_mbps = link.link_speed};
}

std::uint64_t Port::missed() const {
  rte_eth_stats stats{};
  return rte_eth_stats_get(id_.value(), &stats) == 0 ? stats.imissed + stats.ierrors + stats.rx_nombuf : 0;
}

}  // namespace millrace::core
