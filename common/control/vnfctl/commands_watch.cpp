// SPDX-License-Identifier: BSD-3-Clause
// watch
#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <memory>

#include <fmt/format.h>

#include "common/control/vnfctl/commands.h"
#include "common/control/vnfctl/json_access.h"
#include "common/control/vnfctl/screen.h"
#include "common/control/vnfctl/units.h"
#include "common/control/vnfctl/watch_view.h"

namespace millrace::vnfctl {
namespace {

using Clock = std::chrono::steady_clock;

struct Watching {
  std::string interval = "1s";
  unsigned frames = 0;  // 0: until interrupted
  bool once = false;
};

struct Seen {
  Look look;
  std::string title;
};

Seen look(Remote& remote, std::string_view name) {
  const std::string metrics = remote.get_text("/v1/metrics");
  const double seconds = std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
  // Not checked: 503 has the same body.
  const auto answer =
      remote.ask({.method = http::Method::kGet, .target = "/v1/health", .headers = {}, .body = {}});
  const auto health = http::parse_json(answer.body).value_or(boost::json::value());
  const auto rules = remote.get_if_there("/v1/" + remote.vnf() + "/rules");
  const bool listed = rules && rules->is_array();
  return {
      look_at(seconds, metrics, health, listed ? rules->get_array() : boost::json::array{}),
      fmt::format("{} {}: {}, {}, up {}", remote.vnf(), name, flag_at(health, "live") ? "live" : "not live",
                  flag_at(health, "ready") ? "ready" : "not ready",
                  human_duration(number_at(health, "uptime_ms") / 1000))};
}

ExitCode watch(const Context& context, const Watching& watching) {
  const auto interval_ms = parse_duration_ms(watching.interval);
  if (!interval_ms || *interval_ms < 100) {
    throw Failure(kUsage, fmt::format("--interval: {} is not a time from 100ms to 10m", watching.interval));
  }
  const unsigned frames = watching.once ? 1 : watching.frames;
  Remote remote = context.remote(std::chrono::seconds(10));
  const std::string name = text_at(remote.get("/v1"), "name");
  Seen before = look(remote, name);

  Interruption interruption;
  Screen screen(!context.json && frames == 0 && Screen::can_draw());
  auto due = Clock::now();
  for (unsigned shown = 0; frames == 0 || shown < frames; ++shown) {
    due = std::max(due + std::chrono::milliseconds(*interval_ms), Clock::now());
    if (!interruption.wait_until(due)) break;
    Seen after = look(remote, name);
    const Rates rates = rates_between(before.look, after.look);
    if (context.json) {
      print(boost::json::serialize(to_json(rates)) + "\n");
    } else {
      screen.show(format_rates(rates, after.title, context.style));
    }
    before = std::move(after);
  }
  return kDone;
}

}  // namespace

void add_watch_command(CLI::App& app, Context& context) {
  CLI::App* command =
      app.add_subcommand("watch", "rates, drops, sessions and workers, each second; ends on Ctrl-C");
  auto watching = std::make_shared<Watching>();
  command->add_option("--interval", watching->interval, "time between two looks (1s)")->type_name("TIME");
  CLI::Option* frames =
      command->add_option("-n,--frames", watching->frames, "end after so many")->check(CLI::PositiveNumber);
  command->add_flag("--once", watching->once, "end after one, as -n 1")->excludes(frames);
  command->callback(
      [&context, watching] { context.run = [&context, watching] { return watch(context, *watching); }; });
}

}  // namespace millrace::vnfctl
