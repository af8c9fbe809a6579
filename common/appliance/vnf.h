// SPDX-License-Identifier: BSD-3-Clause
// What a kind of appliance adds to the common machinery: its section of the profile, its policy, its share of
// each worker, its part of the API. All calls are made on the control thread, but compile(), which runs in
// the background.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/json/fwd.hpp>
#include <cstdint>
#include <ctime>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/control/appliance.h"
#include "common/control/profile/load.h"
#include "common/control/profile/profile.h"
#include "common/core/function.h"
#include "common/core/worker.h"

namespace millrace::appliance {

// A profile that was read without an error. A VNF derives its own with the section it understands.
struct LoadedProfile {
  virtual ~LoadedProfile() = default;
  control::Profile common;
  std::string text;  // as it was given
};

struct CompileContext {
  const core::Network& network;  // interfaces and domains by their ids; routes may be missing
  std::uint64_t generation = 0;  // differs from that of every policy before it
  bool draining = false;
  unsigned workers = 1;       // limits are shared out among them
  unsigned most_workers = 1;  // to which their number may change while the policy is in force
  std::time_t now = 0;        // which rules with a schedule are in force
};

struct CompiledPolicy {
  std::shared_ptr<const core::Policy> policy;
  std::vector<std::string> notes;  // worth telling the operator: shadowed rules, what it costs
};

// The running workers, for calls that look into them. Jobs run on the worker's thread, one after the other.
using Workers = std::span<core::Worker* const>;

class Vnf {
 public:
  virtual ~Vnf() = default;

  [[nodiscard]] virtual std::string_view kind() const = 0;  // "firewall"
  [[nodiscard]] virtual std::span<const core::DropReason> drop_reasons() const = 0;
  [[nodiscard]] virtual std::span<const std::string_view> stage_names() const = 0;

  [[nodiscard]] virtual control::Checked<std::shared_ptr<const LoadedProfile>> load(
      std::string_view text, const std::string& file, const control::ResolveFile& resolve) = 0;
  // What the VNF wants of the network that the profile's common part describes: addresses it answers for,
  // some of which the twin has for others to see, interfaces whose packets it has even without a route.
  virtual void shape(const LoadedProfile& /*profile*/, bool /*draining*/, core::Network& /*network*/) const {}
  // May take seconds; touches nothing of the running appliance but names kept for counters, which it locks
  // itself.
  [[nodiscard]] virtual Result<CompiledPolicy> compile(const LoadedProfile& profile,
                                                       const CompileContext& context) = 0;
  [[nodiscard]] virtual std::unique_ptr<core::Function> make_function(
      const LoadedProfile& profile, const core::WorkerServices& services) = 0;
  // Whether the tables of workers made for one profile are not those that another wants. Then workers are
  // made anew when it comes into force, and sessions go over to them.
  [[nodiscard]] virtual bool needs_other_workers(const LoadedProfile& /*running*/,
                                                 const LoadedProfile& /*next*/) const {
    return false;
  }
  // When a policy compiled then would differ from one compiled at `since`: the next boundary of a schedule,
  // in seconds from `since`. Nothing when the profile knows no time.
  [[nodiscard]] virtual std::optional<std::uint64_t> seconds_to_next_change(const LoadedProfile& profile,
                                                                            std::time_t since) const = 0;

  // The VNF's own metrics, beside the common ones.
  [[nodiscard]] virtual std::vector<control::Metric> metrics(Workers workers,
                                                             const core::Snapshot& snapshot) = 0;
  [[nodiscard]] virtual std::uint64_t session_count(Workers workers) = 0;
  [[nodiscard]] virtual Result<control::SessionPage> sessions(Workers workers, const core::Snapshot& snapshot,
                                                              const control::PacketMatch& match,
                                                              std::string_view cursor, unsigned most) = 0;
  [[nodiscard]] virtual Result<std::uint64_t> flush_sessions(Workers workers, const core::Snapshot& snapshot,
                                                             const control::PacketMatch& match) = 0;
  [[nodiscard]] virtual Result<boost::json::object> explain(Workers workers, const core::Snapshot& snapshot,
                                                            const boost::json::object& packet) = 0;
  // As control::Appliance::own().
  [[nodiscard]] virtual std::optional<boost::json::value> own(Workers workers, const core::Snapshot& snapshot,
                                                              std::string_view what,
                                                              control::Members& query) = 0;
  // Every `what` that own() answers.
  [[nodiscard]] virtual std::span<const std::string_view> own_names() const = 0;
  // As control::Appliance::remove_own().
  [[nodiscard]] virtual std::optional<Result<void>> remove_own(std::string_view /*what*/,
                                                               std::string_view /*name*/) {
    return std::nullopt;
  }
  // As control::Appliance::change_backend().
  [[nodiscard]] virtual std::optional<Result<void>> change_backend(const control::BackendChange& /*change*/) {
    return std::nullopt;
  }
  // Session state in pieces, an empty one last; and back. `before` and `after` need not have equally many
  // workers.
  [[nodiscard]] virtual std::function<Result<std::string>()> export_sessions(
      Workers workers, const core::Snapshot& snapshot) = 0;
  [[nodiscard]] virtual Result<control::Appliance::Imported> import_sessions(Workers workers,
                                                                             const core::Snapshot& snapshot,
                                                                             std::string_view stream) = 0;
  // Before the first open_logs(): what the VNF does on the control thread beside what it is called for, until
  // end_logs(). `recompile` asks for a policy anew, for a reason that the log names; `network` is the one in
  // force.
  struct ControlServices {
    boost::asio::io_context& io;
    std::function<void(std::string why)> recompile;
    std::function<std::shared_ptr<const core::Network>()> network;
    std::function<void()> synchronize;  // returns when no worker sees what it saw before
    std::function<Tick()> tick;         // of the workers' clock
    // Which interfaces that are tunnels (core::Interface::tunnel) have no link; the others have one.
    std::function<void(std::set<std::uint32_t>)> tunnels_down;
  };
  virtual void begin(const ControlServices& /*services*/) {}
  // The profile is in force: logs go where it says, under the names of this snapshot.
  virtual Result<void> open_logs(const LoadedProfile& profile, const core::Snapshot& snapshot) = 0;
  // Every few milliseconds: what the workers noted is taken to the logs.
  virtual void write_logs(Workers workers) = 0;
  // The workers have stopped for good: what they noted and what was still open is told. Takes seconds at
  // most.
  virtual void end_logs(Workers workers) = 0;
  // The operator moved the log files away.
  virtual void reopen_logs() = 0;

  // The number of workers changes while they stand still: every session goes to the worker that owns its flow
  // now.
  virtual void move_sessions(Workers before, Workers after, const core::Snapshot& snapshot) = 0;
};

}  // namespace millrace::appliance
