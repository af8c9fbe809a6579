// SPDX-License-Identifier: BSD-3-Clause
// health, workers, drain
#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <memory>

#include "common/control/vnfctl/commands.h"
#include "common/control/vnfctl/formats.h"
#include "common/control/vnfctl/json_access.h"

namespace millrace::vnfctl {
namespace {

ExitCode show_health(const Context& context) {
  Remote remote = context.remote();
  const http::Response response =
      remote.ask({.method = http::Method::kGet, .target = "/v1/health", .headers = {}, .body = {}});
  const auto health = http::parse_json(response.body);
  if (!health || find(*health, "live") == nullptr) throw Failure(kRefused, problem_text(response));
  if (context.json) {
    print_json(*health);
  } else {
    print(format_health(*health, context.style));
  }
  return flag_at(*health, "live") ? kDone : kRefused;
}

ExitCode show_or_set_workers(const Context& context, unsigned count) {
  Remote remote = context.remote();
  const auto answer = count == 0 ? remote.get("/v1/workers")
                                 : remote.call(http::Method::kPut, "/v1/workers",
                                               boost::json::serialize(boost::json::object{{"count", count}}),
                                               "application/json");
  if (context.json) {
    print_json(answer);
  } else {
    print(format_workers(answer, context.style));
  }
  return kDone;
}

ExitCode drain(const Context& context, http::Method method) {
  const auto status = context.remote().call(method, "/v1/drain");
  if (context.json) {
    print_json(status);
  } else {
    print(format_drain(status, context.style));
  }
  return kDone;
}

}  // namespace

void add_state_commands(CLI::App& app, Context& context) {
  CLI::App* health =
      app.add_subcommand("health", "is it live, is it ready, and if not why; exit status 1 when not live");
  health->callback([&context] { context.run = [&context] { return show_health(context); }; });

  CLI::App* workers =
      app.add_subcommand("workers", "show the workers, or change their number while traffic runs");
  auto count = std::make_shared<unsigned>(0);
  workers->add_option("COUNT", *count, "the new number of workers")->check(CLI::PositiveNumber);
  workers->callback([&context, count] {
    context.run = [&context, count] { return show_or_set_workers(context, *count); };
  });

  CLI::App* draining = app.add_subcommand("drain", "stop taking new sessions, keep the old");
  draining->require_subcommand(1);
  const auto add = [&context, draining](const char* name, const char* what, http::Method method) {
    draining->add_subcommand(name, what)->callback([&context, method] {
      context.run = [&context, method] { return drain(context, method); };
    });
  };
  add("start", "take no new sessions", http::Method::kPost);
  add("stop", "take new sessions again", http::Method::kDelete);
  add("status", "say whether it drains and what is left", http::Method::kGet);
}

}  // namespace millrace::vnfctl
