// SPDX-License-Identifier: BSD-3-Clause
// The running appliance: data path, twin and one VNF behind the interface that the control API asks.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "common/appliance/dataplane.h"
#include "common/appliance/loss_log.h"
#include "common/appliance/network_plan.h"
#include "common/appliance/vnf.h"
#include "common/control/appliance.h"
#include "common/host/twin.h"

namespace millrace::appliance {

// Control thread, which runs `io`.
class Runtime final : public control::Appliance {
 public:
  Runtime(boost::asio::io_context& io, Vnf& vnf);
  ~Runtime() override;

  // From profile to traffic. On an error nothing is left running.
  // `file` is where the profile came from: files it names are beside it.
  Result<void> start(std::shared_ptr<const LoadedProfile> profile, std::string file);
  // New sessions are refused from here on; `done` is called when none is left, or after `most_ms`.
  void drain_and_stop(unsigned most_ms, std::function<void()> done);
  void stop();
  void reopen_logs() { vnf_.reopen_logs(); }

  [[nodiscard]] std::string_view vnf() const override { return vnf_.kind(); }
  [[nodiscard]] std::string_view name() const override { return name_; }
  [[nodiscard]] std::string_view version() const override;
  [[nodiscard]] control::Health health() override;
  [[nodiscard]] std::vector<control::Metric> metrics() override;
  [[nodiscard]] std::string profile_text() override { return profile_->text; }
  void apply_profile(std::string text, std::string file, bool check_only,
                     std::function<void(control::ProfileOutcome)> done) override;
  [[nodiscard]] Result<control::SessionPage> sessions(const control::PacketMatch& match,
                                                      std::string_view cursor, unsigned most) override;
  [[nodiscard]] Result<std::uint64_t> flush_sessions(const control::PacketMatch& match) override;
  void set_draining(bool draining) override;
  [[nodiscard]] control::DrainStatus drain_status() override;
  [[nodiscard]] Result<boost::json::object> explain(const boost::json::object& packet) override;
  void trace(const control::PacketMatch& match, const Patience& patience,
             std::function<void(Result<boost::json::array>)> done) override;
  void capture(const control::PacketMatch& match, const Patience& patience, unsigned snap_length,
               std::function<void(Result<std::string>)> done) override;
  void set_workers(unsigned count, std::function<void(Result<void>)> done) override;
  [[nodiscard]] unsigned workers() const override;
  [[nodiscard]] std::optional<boost::json::value> own(std::string_view what,
                                                      control::Members& query) override;
  [[nodiscard]] std::vector<std::string_view> own_names() const override;
  [[nodiscard]] std::optional<Result<void>> remove_own(std::string_view what, std::string_view name) override;
  [[nodiscard]] std::optional<Result<void>> change_backend(const control::BackendChange& change) override;
  [[nodiscard]] std::function<Result<std::string>()> export_sessions() override;
  [[nodiscard]] Result<Imported> import_sessions(std::string_view stream) override;

 private:
  struct Change {
    std::string text;
    std::string file;
    bool check_only = false;
    std::function<void(control::ProfileOutcome)> done;
    // Why the profile that runs by then is compiled anew; empty when text and file are a profile to be read.
    std::optional<std::string> anew_for{};
  };
  // What the background thread may know of the control thread's: as it was when the work began.
  struct Moment {
    std::shared_ptr<const LoadedProfile> running;
    Numbering numbering;
    std::uint64_t generation = 0;
    bool draining = false;
    unsigned workers = 1;
  };
  // What the background thread made of a change.
  struct Prepared {
    control::Checked<std::shared_ptr<const LoadedProfile>> loaded;
    Numbering numbering;
    std::optional<host::TwinPlan> plan;
    std::optional<CompiledPolicy> policy;
    std::optional<Error> error;
    std::uint64_t generation = 0;
    std::time_t at = 0;
    double compile_ms = 0;
  };

  void ask(Change change);
  void next_change();
  [[nodiscard]] Prepared prepare(const Change& change, const Moment& moment);
  [[nodiscard]] control::ProfileOutcome commit(const Change& change, Prepared prepared);
  [[nodiscard]] Result<void> put_in_force(Prepared& prepared);
  void report(const Change& change, const control::ProfileOutcome& outcome) const;
  void recompile(std::string why);
  void wait_for_drain(std::uint64_t until_ms, std::function<void()> done);
  void look_at_schedule();
  void look_at_schedule_later(std::chrono::seconds after);
  void write_logs();
  void watch_losses();
  [[nodiscard]] Result<core::PacketFilter> filter_of(const control::PacketMatch& match) const;
  [[nodiscard]] core::MakeFunction make_function() const;
  Result<void> replace_workers(unsigned count);
  [[nodiscard]] std::vector<std::string> needs_restart(const control::Profile& next) const;
  void finish_trace(const std::shared_ptr<struct TraceRun>& run);

  boost::asio::io_context& io_;
  Vnf& vnf_;
  std::string name_;
  std::shared_ptr<const LoadedProfile> profile_;
  std::shared_ptr<const LoadedProfile> at_start_;  // what a restart alone changes is as it says
  std::time_t compiled_at_ = 0;                    // the policy in force
  std::string profile_file_;  // that the appliance was started with: files a profile names are beside it
  Numbering numbering_;
  std::unique_ptr<DataPlane> plane_;
  std::unique_ptr<host::Twin> twin_;
  boost::asio::thread_pool background_{1};
  boost::asio::steady_timer schedule_timer_;
  boost::asio::steady_timer drain_timer_;
  boost::asio::steady_timer log_timer_;
  boost::asio::steady_timer loss_timer_;
  LossLog loss_log_;
  std::vector<Change> changes_;   // waiting, the first one in hand
  std::uint64_t generation_ = 1;  // of the policy in force
  std::uint64_t staffing_ = 0;    // changes of the number of workers: pointers to workers go with them
  bool draining_ = false;
  bool inspecting_ = false;       // a trace or a capture is running
  std::uint32_t trace_left_ = 0;  // packets that trace asked for
  std::uint64_t drain_began_ms_ = 0;
  std::uint64_t started_ms_ = 0;
  struct Beat {
    std::uint64_t heartbeat = 0;
    std::uint64_t busy = 0;
    std::uint64_t idle = 0;
    std::uint64_t seen_ms = 0;
    bool alive = true;
    double busy_ratio = 0;
  };
  std::vector<Beat> beats_;
};

}  // namespace millrace::appliance
