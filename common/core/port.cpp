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
      config_(std::move(other.config_)),
      driver_(std::move(other.driver_)),
      kernel_device_(std::move(other.kernel_device_)),
      mac_(other.mac_),
      receive_queues_(other.receive_queues_),
      transmit_queues_(other.transmit_queues_),
      receive_abilities_(other.receive_abilities_),
      transmit_abilities_(other.transmit_abilities_),
      most_segments_(other.most_segments_),
      offloads_(other.offloads_),
      rss_(std::move(other.rss_)),
      symmetric_rss_(other.symmetric_rss_) {}

Port::~Port() {
  if (!id_.valid()) return;
  rte_eth_dev_info info{};
  const bool known = rte_eth_dev_info_get(id_.value(), &info) == 0;
  rte_eth_dev_stop(id_.value());
  rte_eth_dev_close(id_.value());
  if (known) rte_dev_remove(info.device);
}

Result<Port> Port::find(const PortConfig& config) {
  const auto id = find_port(config);
  if (!id) return tl::unexpected(id.error());
  Port port;
  port.id_ = *id;
  port.config_ = config;
  rte_eth_dev_info info{};
  if (const int error = rte_eth_dev_info_get(id->value(), &info); error != 0)
    return failure("set up port " + config.name, std::string("read its abilities: ") + rte_strerror(-error));
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
  port.receive_abilities_ = info.rx_offload_capa;
  port.transmit_abilities_ = info.tx_offload_capa;
  port.most_segments_ = info.tx_desc_lim.nb_seg_max;
  return port;
}

PortAbilities Port::abilities() const noexcept {
  return {.driver = driver_,
          .choice = config_.offloads,
          .receive = receive_abilities_,
          .transmit = transmit_abilities_,
          .peer = {}};
}

TransmitOffloads Port::transmit_offloads() const noexcept {
  return core::transmit_offloads(offloads_, most_segments_);
}

std::vector<std::string> Port::offloads() const {
  std::vector<std::string> names = describe(offloads_);
  if (symmetric_rss_) names.emplace_back("symmetric RSS");
  return names;
}

Result<void> Port::set_up(const PortOffloads& use, rte_mempool* pool) {
  const std::uint16_t number = id_.value();
  const std::string attempt = "set up port " + name();
  const auto failed = [&](const char* what, int error) {
    return failure(attempt, std::string(what) + ": " + rte_strerror(-error));
  };
  rte_eth_dev_info info{};
  if (const int error = rte_eth_dev_info_get(number, &info); error != 0)
    return failed("read its abilities", error);
  offloads_ = use;
  rte_eth_conf settings{};
  settings.rxmode.offloads = use.receive;
  // The parser counts in 16 bits from the Ethernet header on. 0: the device has no bound of its own to set.
  constexpr std::uint32_t kMostAggregated = 65535;
  if ((use.receive & RTE_ETH_RX_OFFLOAD_TCP_LRO) != 0) {
    settings.rxmode.max_lro_pkt_size = std::min(info.max_lro_pkt_size, kMostAggregated);
    settings.rxmode.mtu = config_.mtu;  // ethdev derives that bound from it, and checks it again per queue
  }
  settings.txmode.offloads = use.transmit;
  if (receive_queues_ > 1) rss_.ask(info, settings);
  if (const int error = rte_eth_dev_configure(number, receive_queues_, transmit_queues_, &settings);
      error != 0) {
    return failed("configure", error);
  }
  // A device that can not change its MTU either takes any frame or says so here; frames over the MTU are
  // never sent.
  const int mtu_error = rte_eth_dev_set_mtu(number, config_.mtu);
  if (mtu_error != 0 && mtu_error != -ENOTSUP && mtu_error != -ENOSYS)
    return failed("set its MTU", mtu_error);

  std::uint16_t receive = config_.descriptors;
  std::uint16_t transmit = config_.descriptors;
  rte_eth_dev_adjust_nb_rx_tx_desc(number, &receive, &transmit);
  const auto socket = static_cast<unsigned>(SOCKET_ID_ANY);
  for (std::uint16_t queue = 0; queue < receive_queues_; ++queue) {
    if (const int error = rte_eth_rx_queue_setup(number, queue, receive, socket, nullptr, pool); error != 0) {
      return failed("set up a receive queue", error);
    }
  }
  for (std::uint16_t queue = 0; queue < transmit_queues_; ++queue) {
    if (const int error = rte_eth_tx_queue_setup(number, queue, transmit, socket, nullptr); error != 0) {
      return failed("set up a transmit queue", error);
    }
  }
  rte_ether_addr mac{};
  if (const int error = rte_eth_macaddr_get(number, &mac); error != 0)
    return failed("read its MAC address", error);
  std::copy(std::begin(mac.addr_bytes), std::end(mac.addr_bytes), mac_.bytes.begin());
  return {};
}

Result<void> Port::start() {
  if (const int error = rte_eth_dev_start(id_.value()); error != 0) {
    return failure("start port " + name(), rte_strerror(-error));
  }
  // Transparent pairs and additional MAC addresses need all frames; a device without the mode gives them
  // anyway.
  rte_eth_promiscuous_enable(id_.value());
  return {};
}

void Port::spread(unsigned workers) { symmetric_rss_ = rss_.spread(id_.value(), receive_queues_, workers); }

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
