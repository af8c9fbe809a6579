// SPDX-License-Identifier: BSD-3-Clause
// The VPN gateway as the appliance's machinery sees it.
#pragma once

#include <functional>
#include <memory>

#include "common/appliance/vnf.h"
#include "vnfs/vpn/association_keeper.h"
#include "vnfs/vpn/charon_control.h"
#include "vnfs/vpn/compile_policy.h"
#include "vnfs/vpn/interface_watch.h"
#include "vnfs/vpn/key_exchange_server.h"
#include "vnfs/vpn/profile.h"
#include "vnfs/vpn/tunnel_watch.h"

namespace millrace::vpn {

// Each call is a few lines around the file that knows the topic.
class Vpn final : public appliance::Vnf {
 public:
  Vpn();
  ~Vpn() override;

  [[nodiscard]] std::string_view kind() const override { return "vpn"; }
  [[nodiscard]] std::span<const core::DropReason> drop_reasons() const override;
  [[nodiscard]] std::span<const std::string_view> stage_names() const override;

  [[nodiscard]] control::Checked<std::shared_ptr<const appliance::LoadedProfile>> load(
      std::string_view text, const std::string& file, const control::ResolveFile& resolve) override;
  void shape(const appliance::LoadedProfile& profile, bool draining, core::Network& network) const override;
  [[nodiscard]] Result<appliance::CompiledPolicy> compile(const appliance::LoadedProfile& profile,
                                                          const appliance::CompileContext& context) override;
  [[nodiscard]] std::unique_ptr<core::Function> make_function(const appliance::LoadedProfile& profile,
                                                              const core::WorkerServices& services) override;
  [[nodiscard]] std::optional<std::uint64_t> seconds_to_next_change(const appliance::LoadedProfile& profile,
                                                                    std::time_t since) const override;

  [[nodiscard]] std::vector<control::Metric> metrics(appliance::Workers workers,
                                                     const core::Snapshot& snapshot) override;
  [[nodiscard]] std::uint64_t session_count(appliance::Workers workers) override;
  [[nodiscard]] Result<control::SessionPage> sessions(appliance::Workers workers,
                                                      const core::Snapshot& snapshot,
                                                      const control::PacketMatch& match,
                                                      std::string_view cursor, unsigned most) override;
  [[nodiscard]] Result<std::uint64_t> flush_sessions(appliance::Workers workers,
                                                     const core::Snapshot& snapshot,
                                                     const control::PacketMatch& match) override;
  [[nodiscard]] Result<boost::json::object> explain(appliance::Workers workers,
                                                    const core::Snapshot& snapshot,
                                                    const boost::json::object& packet) override;
  [[nodiscard]] std::optional<boost::json::value> own(appliance::Workers workers,
                                                      const core::Snapshot& snapshot, std::string_view what,
                                                      control::Members& query) override;
  [[nodiscard]] std::span<const std::string_view> own_names() const override;
  [[nodiscard]] std::function<Result<std::string>()> export_sessions(appliance::Workers workers,
                                                                     const core::Snapshot& snapshot) override;
  [[nodiscard]] Result<control::Appliance::Imported> import_sessions(appliance::Workers workers,
                                                                     const core::Snapshot& snapshot,
                                                                     std::string_view stream) override;
  void begin(const ControlServices& services) override;
  Result<void> open_logs(const appliance::LoadedProfile& profile, const core::Snapshot& snapshot) override;
  void write_logs(appliance::Workers workers) override;
  void end_logs(appliance::Workers workers) override;
  void reopen_logs() override;
  void move_sessions(appliance::Workers before, appliance::Workers after,
                     const core::Snapshot& snapshot) override;

 private:
  Result<void> need_library();
  Result<void> listen(const std::optional<profile::KeyExchange>& wanted);
  Result<void> tell_charon(const profile::Section& profile);

  std::unique_ptr<crypto::Library> library_;  // outlives all keys and engines
  std::shared_ptr<Directory> directory_ = std::make_shared<Directory>();
  std::shared_ptr<core::PathMtus> path_mtus_ = std::make_shared<core::PathMtus>(kMostAssociations);
  std::unique_ptr<AssociationKeeper> keeper_;
  std::unique_ptr<KeyExchangeServer> key_exchange_;
  std::unique_ptr<CharonControl> charon_;
  std::vector<std::string> tunnel_names_;           // of the profile, in its order
  std::optional<profile::KeyExchange> listens_by_;  // what the server was made of
  boost::asio::io_context* io_ = nullptr;
  std::function<Tick()> tick_;
  Clock::time_point watched_{};
  Clock::time_point looked_for_alarms_{};
  std::function<void(std::set<std::uint32_t>)> tunnels_down_;
  InterfaceWatch interfaces_;
  TunnelWatch watch_;
  Alarms alarms_;
};

}  // namespace millrace::vpn
