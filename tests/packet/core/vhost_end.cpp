// SPDX-License-Identifier: BSD-3-Clause
#include "tests/packet/core/vhost_end.h"

#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include <rte_dev.h>
#include <rte_ethdev.h>

#include "tests/support/testbed.h"

namespace millrace::testing {
namespace {

// Of the process, and gone with it.
const std::filesystem::path& directory() {
  struct Directory {
    Directory() {
      std::string pattern = (std::filesystem::temp_directory_path() / "millrace-vhost-XXXXXX").string();
      if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no directory for sockets");
      path = pattern;
    }
    ~Directory() {
      std::error_code ignored;
      std::filesystem::remove_all(path, ignored);
    }
    std::filesystem::path path;
  };
  static const Directory kDirectory;
  return kDirectory.path;
}

}  // namespace

VhostEnd::VhostEnd(const std::string& name) : socket_((directory() / name).string()) {
  ensure_eal(256);
  const std::string device = "net_vhost_" + name + ",iface=" + socket_ + ",queues=1,tso=1";
  if (rte_dev_probe(device.c_str()) != 0) return;
  if (rte_eth_dev_get_port_by_name(("net_vhost_" + name).c_str(), &port_) != 0) return;
  pool_ = rte_pktmbuf_pool_create(("vhost " + name).c_str(), 2047, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
                                  SOCKET_ID_ANY);
  rte_eth_conf settings{};
  settings.rxmode.offloads = RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM;
  settings.txmode.offloads =
      RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
  up_ = pool_ != nullptr && rte_eth_dev_configure(port_, 1, 1, &settings) == 0 &&
        rte_eth_rx_queue_setup(port_, 0, 256, 0, nullptr, pool_) == 0 &&
        rte_eth_tx_queue_setup(port_, 0, 256, 0, nullptr) == 0 && rte_eth_dev_start(port_) == 0;
}

VhostEnd::~VhostEnd() {
  if (pool_ == nullptr) return;
  rte_eth_dev_info info{};
  rte_eth_dev_info_get(port_, &info);
  rte_eth_dev_stop(port_);
  rte_eth_dev_close(port_);
  rte_dev_remove(info.device);
  rte_mempool_free(pool_);
}

bool VhostEnd::connected() const {
  rte_eth_link link{};
  return rte_eth_link_get_nowait(port_, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

core::PortConfig VhostEnd::port(const std::string& name, core::OffloadChoice offloads) const {
  return {.name = name,
          .device = "net_virtio_user_" + name + ",path=" + socket_ + ",queues=1",
          .descriptors = 256,
          .offloads = offloads};
}

bool VhostEnd::send(rte_mbuf* mbuf) { return rte_eth_tx_burst(port_, 0, &mbuf, 1) == 1; }

rte_mbuf* VhostEnd::receive() {
  rte_mbuf* mbuf = nullptr;
  return rte_eth_rx_burst(port_, 0, &mbuf, 1) == 1 ? mbuf : nullptr;
}

rte_mbuf* left_to_the_device(PortBed& bed, const Unfinished& sent, std::uint16_t segment) {
  rte_mbuf* mbuf = bed.mbuf_of(PacketBuilder(sent.packet).bad_transport_checksum().bytes());
  mbuf->l2_len = kEthernetLength;
  mbuf->l3_len = l3_length(sent.v6) & 0x1ffU;
  mbuf->l4_len = sent.tcp ? 20 : 8;
  mbuf->tso_segsz = segment;
  mbuf->ol_flags |= sent.v6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4;
  if (segment == 0) {
    mbuf->ol_flags |= sent.tcp ? RTE_MBUF_F_TX_TCP_CKSUM : RTE_MBUF_F_TX_UDP_CKSUM;
  } else {
    mbuf->ol_flags |= RTE_MBUF_F_TX_TCP_SEG | (sent.v6 ? 0 : RTE_MBUF_F_TX_IP_CKSUM);
  }
  return mbuf;
}

}  // namespace millrace::testing
