// SPDX-License-Identifier: BSD-3-Clause
#include "common/appliance/run.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <iterator>

#include <fmt/format.h>
#include <sched.h>
#include <spdlog/spdlog.h>
#include <systemd/sd-daemon.h>

#include "common/appliance/log.h"
#include "common/appliance/runtime.h"
#include "common/control/api.h"
#include "common/core/eal.h"
#include "common/http/server.h"

namespace millrace::appliance {
namespace {

constexpr int kFailed = 1;
constexpr int kBadProfile = 2;
constexpr std::size_t kProfileBytes = std::size_t{64} << 20;
// At SIGTERM: short sessions end by themselves, long ones are another's business.
constexpr unsigned kDrainMs = 2000;
// For the answers in progress at the end.
constexpr std::chrono::milliseconds kAnswerGrace{500};
// Of a request; the few calls that take more say so themselves.
constexpr std::size_t kBodyBytes = std::size_t{1} << 20;
// An import of sessions, and what else is asked meanwhile.
constexpr std::size_t kBodiesBytes = std::size_t{1280} << 20;

struct Options {
  std::string profile;
  std::string control;
  std::string log_format = "text";
  bool check = false;
};

// "vnf-loadbalancer" of load_balancer.
std::string program_of(const Vnf& vnf) {
  std::string name = "vnf-";
  std::ranges::copy_if(vnf.kind(), std::back_inserter(name), [](char c) { return c != '_'; });
  return name;
}

int parse(const Vnf& vnf, int argc, char** argv, Options& options) {
  CLI::App app("Millrace " + std::string(vnf.kind()), program_of(vnf));
  app.add_option("--profile", options.profile, "the YAML profile")->required();
  app.add_option("--control", options.control,
                 "the control socket (default: /run/millrace/NAME.sock, by the profile's name)");
  app.add_flag("--check", options.check, "only validate the profile");
  app.add_option("--log-format", options.log_format, "text or json")->check(CLI::IsMember({"text", "json"}));
  app.set_version_flag("--version", program_of(vnf) + " " MILLRACE_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kBadProfile;
  }
  return -1;
}

control::Checked<std::shared_ptr<const LoadedProfile>> load(Vnf& vnf, const std::string& path) {
  const auto text = control::read_text_file(path, kProfileBytes, true);
  if (!text) {
    control::Diagnostics diagnostics(path);
    diagnostics.error({}, text.error().message());
    return tl::unexpected(std::move(diagnostics));
  }
  return vnf.load(*text, path, control::files_beside(path));
}

// The process's signals and its end.
class Process {
 public:
  Process(boost::asio::io_context& io, Runtime& runtime, http::Server& server, const Options& options)
      : io_(io),
        runtime_(runtime),
        server_(server),
        options_(options),
        signals_(io, SIGTERM, SIGINT, SIGHUP) {
    wait();
  }

 private:
  void wait() {
    signals_.async_wait([this](const auto& error, int signal) {
      if (error) return;
      if (signal == SIGHUP) {
        reload();
      } else if (ending_) {
        io_.stop();  // asked twice: no more patience
      } else {
        ending_ = true;
        spdlog::info("asked to end; draining for at most {} ms", kDrainMs);
        sd_notify(0, "STOPPING=1");
        runtime_.drain_and_stop(kDrainMs, [this] { server_.stop(kAnswerGrace, [this] { io_.stop(); }); });
      }
      wait();
    });
  }

  // Whatever comes of it, the service manager is told that the reload is over.
  void reload() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld",
               static_cast<long long>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000);
    runtime_.reopen_logs();
    const auto text = control::read_text_file(options_.profile, kProfileBytes, true);
    if (!text) {
      spdlog::error("{}; the running profile goes on", text.error().message());
      sd_notify(0, "READY=1");
      return;
    }
    runtime_.apply_profile(*text, options_.profile, false,
                           [](const control::ProfileOutcome&) { sd_notify(0, "READY=1"); });
  }

  boost::asio::io_context& io_;
  Runtime& runtime_;
  http::Server& server_;
  const Options& options_;
  boost::asio::signal_set signals_;
  bool ending_ = false;
};

// A CPU that the profile gives to a worker is the worker's alone: this thread and those it makes keep off it.
void leave_cpus_to_workers(std::span<const std::uint16_t> taken) {
  cpu_set_t mine;
  CPU_ZERO(&mine);
  sched_getaffinity(0, sizeof mine, &mine);
  for (const unsigned cpu : taken) CPU_CLR(cpu, &mine);
  if (CPU_COUNT(&mine) != 0) sched_setaffinity(0, sizeof mine, &mine);
}

int serve(Vnf& vnf, const Options& options, std::shared_ptr<const LoadedProfile> profile) {
  const auto began = std::chrono::steady_clock::now();
  const std::string name = profile->common.name;
  const std::filesystem::path socket =
      options.control.empty() ? "/run/millrace/" + name + ".sock" : options.control;
  leave_cpus_to_workers(profile->common.dataplane.workers->cpus);
  ::signal(SIGPIPE, SIG_IGN);  // a log nobody reads any more is no reason to end
  boost::asio::io_context io(1);
  Runtime runtime(io, vnf);
  http::Router router;
  control::add_api(router, runtime);
  http::Server server(io, std::move(router), {.body_bytes = kBodyBytes, .bodies_bytes = kBodiesBytes},
                      [](std::string_view trouble) { spdlog::warn("control socket: {}", trouble); });
  // Before anything else: another appliance of this name must not lose its ports to this one. Who connects
  // is answered once all is set up.
  std::error_code ignored;
  std::filesystem::create_directories(socket.parent_path(), ignored);
  if (auto listening = server.listen_unix(socket); !listening) {
    spdlog::critical("{}", listening.error().message());
    return kFailed;
  }
  if (auto started = runtime.start(std::move(profile), options.profile); !started) {
    spdlog::critical("{}", started.error().message());
    return kFailed;
  }
  Process process(io, runtime, server, options);
  const auto took = std::chrono::duration<double>(std::chrono::steady_clock::now() - began);
  spdlog::info("{} {} \"{}\" is ready after {:.2f} s; control socket {}", program_of(vnf), MILLRACE_VERSION,
               name, took.count(), socket.string());
  sd_notify(0, "READY=1");
  io.run();
  runtime.stop();
  spdlog::info("ended");
  return 0;
}

}  // namespace

int run(Vnf& vnf, int argc, char** argv) {
  std::string missing;
  if (!core::cpu_is_supported(missing)) {
    fmt::print(stderr, "{}: this CPU lacks {}; Millrace needs x86-64-v3 (Intel Haswell, AMD Zen, or later)\n",
               program_of(vnf), missing);
    return kFailed;
  }
  Options options;
  if (const int status = parse(vnf, argc, argv, options); status >= 0) return status;
  auto loaded = load(vnf, options.profile);
  if (!loaded) {
    fmt::print(stderr, "{}", loaded.error().to_string());
    return kBadProfile;
  }
  if (options.check) {
    fmt::print("{}: the profile is valid\n", options.profile);
    return 0;
  }
  set_up_log(options.log_format == "json" ? LogFormat::kJson : LogFormat::kText, (*loaded)->common.name);
  set_log_level((*loaded)->common.telemetry.log);
  return serve(vnf, options, std::move(*loaded));
}

}  // namespace millrace::appliance
