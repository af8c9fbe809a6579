// SPDX-License-Identifier: BSD-3-Clause
// The appliance's end of the socket that charon's plugin connects to (ike_protocol.h): what it asks becomes
// calls of the gateway, and what the gateway raises becomes events. When the plugin goes, tunnels stay as
// they are.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "common/base/result.h"
#include "vnfs/vpn/key_exchange.h"

namespace boost::asio {
class io_context;
}

namespace millrace::vpn {

// All members, and all calls of the gateway, on the one thread that runs the io_context.
class KeyExchangeServer final : public KeyExchange {
 public:
  // Told what an operator may want in the log: a few lines a second, and how many there would have been.
  using Report = std::function<void(std::string_view)>;

  // The io_context and the gateway outlive it.
  KeyExchangeServer(boost::asio::io_context& io, Gateway& gateway, Report report = {});
  // Closes everything, and removes the socket.
  ~KeyExchangeServer() override;
  KeyExchangeServer(const KeyExchangeServer&) = delete;
  KeyExchangeServer& operator=(const KeyExchangeServer&) = delete;

  // A socket of mode 0600 that takes the place of a dead process's. Root, the user of this process and `user`
  // may connect; the socket becomes `user`'s own. One plugin is served at a time, others are told to come
  // back.
  [[nodiscard]] Result<void> listen(const std::filesystem::path& path,
                                    std::optional<std::uint32_t> user = {});

  // Told what went wrong with a peer of the connection, in words, and whether one side did not prove who it
  // is; the log has it already. Set before listen().
  using OnTrouble = std::function<void(std::string_view connection, std::string_view what, bool unproved)>;
  void on_trouble(OnTrouble handler);

  // A plugin is connected and has told all it knows.
  [[nodiscard]] bool synchronized() const noexcept;

  void expired(const AssociationKey& which, std::uint32_t tunnel, bool hard) override;
  // Lost without a plugin: another packet asks again.
  void acquire(std::uint32_t tunnel, const Selector& packet) override;
  void mapping_changed(const AssociationKey& which, std::uint32_t tunnel, const net::IpAddress& remote,
                       std::uint16_t remote_port) override;

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace millrace::vpn
