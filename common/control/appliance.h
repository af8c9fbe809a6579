// SPDX-License-Identifier: BSD-3-Clause
// What the control API asks of the running appliance. The API (api.h) knows HTTP and JSON, the implementation
// knows the data path; neither knows the other. All calls are made on the control thread.
#pragma once

#include <boost/json/fwd.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/result.h"
#include "common/control/profile/diagnostics.h"
#include "common/net/address.h"

namespace millrace::control {

class Members;

// Counts of one worker or one port, as name and value; names are those of the metrics without their prefix.
struct WorkerStatus {
  unsigned id = 0;
  int cpu = -1;
  bool alive = false;  // its heartbeat has advanced since it was last looked at
  std::uint64_t heartbeat = 0;
  double busy_ratio = 0;  // of the time since the last look, 0 to 1
  unsigned backlog = 0;   // packets waiting for it
};

struct PortStatus {
  std::string name;
  std::string driver;
  bool link_up = false;
  unsigned speed_mbps = 0;
  std::vector<std::string> offloads;  // what the device does instead of the appliance, for people
};

struct Health {
  bool live = false;                 // every worker's heartbeat advances
  bool ready = false;                // live, policy loaded, ports and twins up, not draining
  std::vector<std::string> reasons;  // sentences, when not live or not ready
  std::vector<WorkerStatus> workers;
  std::vector<PortStatus> ports;
  std::uint64_t uptime_ms = 0;
  std::uint64_t policy_generation = 0;
};

// One metric family in the Prometheus sense.
struct Metric {
  enum class Type : std::uint8_t { kCounter, kGauge, kHistogram };
  struct Sample {
    std::vector<std::pair<std::string, std::string>> labels;
    double value = 0;
    std::string_view suffix = {};  // "_bucket", "_sum", "_count" of a histogram
  };
  std::string name;  // without the prefix "millrace_"; counters end in _total, times are in seconds
  std::string help;
  Type type = Type::kCounter;
  std::vector<Sample> samples;
};

// Which packets: of a trace, a capture, or a listing of sessions. An empty member matches all; addresses and
// ports match in either direction.
struct PacketMatch {
  std::optional<net::Prefix> source;
  std::optional<net::Prefix> destination;
  std::optional<std::uint8_t> protocol;
  std::optional<std::uint16_t> port;
  std::optional<std::string> interface;     // of arrival
  std::optional<std::uint16_t> vlan;        // of the only tag, or the inner one of two; 0: untagged
  std::optional<std::uint16_t> outer_vlan;  // of two tags; 0: at most one
  std::optional<std::string> rule;          // sessions only: that accepted it
};

struct SessionPage {
  std::vector<boost::json::value> sessions;
  std::string next;  // the cursor of the next page; empty after the last
};

struct ProfileOutcome {
  bool accepted = false;
  Diagnostics diagnostics;     // when not accepted
  std::optional<Error> error;  // not accepted for a reason outside the text (no memory, a port that is gone)
  std::vector<std::string> notes;          // accepted, and worth knowing: shadowed rules, what it costs
  std::vector<std::string> needs_restart;  // keys that changed and take effect at the next start only
  std::uint64_t generation = 0;
  double compile_ms = 0;
};

// Of a load balancer, by PUT and DELETE.
struct BackendChange {
  std::string service;
  net::IpAddress address;
  std::uint16_t port = 0;  // 0: that of the service
  bool remove = false;
  std::optional<std::uint32_t> weight{};  // of one that stays, as the next; absent: as it was
  std::optional<bool> draining{};
};

struct DrainStatus {
  bool draining = false;
  std::uint64_t sessions_left = 0;
  std::uint64_t since_ms = 0;
};

class Appliance {
 public:
  virtual ~Appliance() = default;

  [[nodiscard]] virtual std::string_view vnf() const = 0;   // "firewall"
  [[nodiscard]] virtual std::string_view name() const = 0;  // of the profile
  [[nodiscard]] virtual std::string_view version() const = 0;

  [[nodiscard]] virtual Health health() = 0;
  [[nodiscard]] virtual std::vector<Metric> metrics() = 0;

  // The text of the running profile, as it was given.
  [[nodiscard]] virtual std::string profile_text() = 0;
  // Validates, compiles in the background and, unless `check_only`, swaps. `file` is what diagnostics call
  // the text and nothing else: it comes from the client, no path is to be made of it. The outcome is
  // delivered on the control thread.
  virtual void apply_profile(std::string text, std::string file, bool check_only,
                             std::function<void(ProfileOutcome)> done) = 0;

  // `cursor` empty for the first page. A bad cursor, or an interface or rule that is not there, is an error
  // whose `where` is that parameter's name.
  [[nodiscard]] virtual Result<SessionPage> sessions(const PacketMatch& match, std::string_view cursor,
                                                     unsigned most) = 0;
  // Ends the sessions that match; returns how many.
  [[nodiscard]] virtual Result<std::uint64_t> flush_sessions(const PacketMatch& match) = 0;

  virtual void set_draining(bool draining) = 0;
  [[nodiscard]] virtual DrainStatus drain_status() = 0;

  // A packet described by a person, and what would become of it. `packet` is what read_packet
  // (packet_description.h) accepts. The error's `where` is the member that is wrong.
  [[nodiscard]] virtual Result<boost::json::object> explain(const boost::json::object& packet) = 0;
  // How many packets to wait for, and how long. `wanted` is asked now and then: once it says no, the wait is
  // over, as at the end of the time.
  struct Patience {
    unsigned packets = 0;
    unsigned timeout_ms = 0;
    std::function<bool()> wanted = [] { return true; };
  };
  // The next packets that match, stage by stage.
  virtual void trace(const PacketMatch& match, const Patience& patience,
                     std::function<void(Result<boost::json::array>)> done) = 0;
  // The same as a pcapng file's bytes.
  virtual void capture(const PacketMatch& match, const Patience& patience, unsigned snap_length,
                       std::function<void(Result<std::string>)> done) = 0;

  // Changes the number of workers while traffic runs.
  virtual void set_workers(unsigned count, std::function<void(Result<void>)> done) = 0;
  [[nodiscard]] virtual unsigned workers() const = 0;

  // What only this kind of appliance has, under /v1/<vnf>/<what> ("rules" of the firewall), asked with the
  // parameters of the query, of which it refuses those that are wrong. Nothing when unknown.
  [[nodiscard]] virtual std::optional<boost::json::value> own(std::string_view what, Members& query) = 0;
  // Every such <what>, for the index and for messages.
  [[nodiscard]] virtual std::vector<std::string_view> own_names() const { return {}; }

  // Takes the entry of that name out of a listing under /v1/<vnf>/<what>: what is blocked. Nothing when this
  // kind of appliance has no such listing. An error's `where` is "name" when the name can not be one's, else
  // empty: there is no such entry.
  [[nodiscard]] virtual std::optional<Result<void>> remove_own(std::string_view /*what*/,
                                                               std::string_view /*name*/) {
    return std::nullopt;
  }

  // Adds, changes or takes away a backend. Nothing when this kind of appliance has none. An error's `where`
  // is "service", "backend" or a member of the body.
  [[nodiscard]] virtual std::optional<Result<void>> change_backend(const BackendChange& /*change*/) {
    return std::nullopt;
  }

  // Session state for another instance or a later start, as a versioned binary stream; in pieces, the last
  // one empty.
  [[nodiscard]] virtual std::function<Result<std::string>()> export_sessions() = 0;
  // Takes the whole stream; returns how many sessions were taken over and how many could not be.
  struct Imported {
    std::uint64_t taken = 0;
    std::uint64_t refused = 0;
  };
  [[nodiscard]] virtual Result<Imported> import_sessions(std::string_view stream) = 0;
};

}  // namespace millrace::control
