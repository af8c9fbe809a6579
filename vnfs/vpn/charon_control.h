// SPDX-License-Identifier: BSD-3-Clause
// Keeps charon in step with the profile, and knows which tunnels it has made. Control thread.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "vnfs/vpn/render_connections.h"
#include "vnfs/vpn/vici_client.h"

namespace millrace::vpn {

// A pair of associations that charon made.
struct ChildSa {
  std::string name;
  std::string state;  // strongSwan's word: "INSTALLED"
  std::uint32_t spi_in = 0;
  std::uint32_t spi_out = 0;
};

// What charon and a peer have agreed on: RFC 7296 section 1.
struct IkeSa {
  std::string connection;
  std::string state;  // strongSwan's word: "ESTABLISHED"
  std::string local;  // address
  std::string remote;
  std::string local_id;
  std::string remote_id;  // the name that EAP proved, where there is one
  std::string suite;
  std::vector<std::string> addresses;  // that the peer got from a pool
  std::chrono::steady_clock::time_point since;
  std::vector<ChildSa> children;
};

// What became of a connection.
struct ConnectionLog {
  std::uint64_t renewals = 0;  // of a tunnel's keys
  std::string trouble;         // the last one, in words; empty: none
  std::time_t troubled_at = 0;
  std::uint64_t failures = 0;  // one side did not prove who it is
};

class CharonControl {
 public:
  using Report = std::function<void(std::string_view line)>;

  CharonControl(boost::asio::io_context& io, const std::filesystem::path& socket, Report report);

  // What charon is to know from now on; told at once, or when it is there. While there is none, what other
  // programs told charon is left alone.
  void configure(std::vector<IkeSetting> settings);
  // Asks for connections anew that are to be there always and are not: charon does so by itself when a peer
  // ends one or does not answer, but neither after a peer has refused one nor after swanctl has ended it.
  // Call it every second or so.
  void keep_up(std::chrono::steady_clock::time_point now);
  // A connection went wrong, as charon's plugin tells.
  void note_trouble(std::string_view connection, std::string_view what, bool unproved);

  [[nodiscard]] bool connected() const noexcept { return client_.connected(); }
  [[nodiscard]] const std::map<std::uint64_t, IkeSa>& ike_sas() const noexcept { return sas_; }
  [[nodiscard]] const std::map<std::string, ConnectionLog, std::less<>>& logs() const noexcept {
    return logs_;
  }
  struct Wanted {
    std::string name;
    bool always;  // its tunnels are to be there always
  };
  // The profile's connections.
  [[nodiscard]] std::vector<Wanted> connections() const;

 private:
  using Kind = IkeSetting::Kind;
  using Key = std::pair<Kind, std::string>;

  void tell_all();
  void tell(const IkeSetting& setting);
  void take_back(const Key& key);
  void remove_strangers();
  void start_again(const IkeSetting& connection);
  void on_event(std::string_view event, const boost::json::object& message);
  void look_at(std::uint64_t id);
  void look_at_next();
  void looked_at(std::uint64_t id);

  Report report_;
  std::vector<IkeSetting> wanted_;
  std::map<Key, std::uint64_t> told_;   // to a print of it
  bool owns_ = false;                   // the profile has connections, or had
  std::map<std::uint64_t, IkeSa> sas_;  // by charon's number
  std::map<std::string, ConnectionLog, std::less<>> logs_;
  std::map<std::string, std::chrono::steady_clock::time_point, std::less<>>
      missing_;                       // connections, since when
  std::deque<std::uint64_t> unseen_;  // numbers to ask for: what is asked now stands first
  bool seen_ = false;                 // it came
  vici::Client client_;
};

}  // namespace millrace::vpn
