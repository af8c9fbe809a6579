// SPDX-License-Identifier: BSD-3-Clause
// services; backend set, backend remove
#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <memory>

#include <fmt/format.h>

#include "common/control/vnfctl/commands.h"
#include "common/control/vnfctl/formats.h"
#include "common/control/vnfctl/json_access.h"
#include "common/control/vnfctl/screen.h"
#include "common/control/vnfctl/units.h"
#include "common/http/target.h"

namespace millrace::vnfctl {
namespace {

using SteadyClock = std::chrono::steady_clock;

struct Shown {
  std::string service;  // empty: all
  bool watch = false;
  std::string interval = "1s";
  unsigned frames = 0;  // 0: until interrupted
};

boost::json::value ask_services(Remote& remote, const std::string& service) {
  if (service.empty()) return remote.get("/v1/services");
  return boost::json::array{remote.get("/v1/services/" + http::percent_encode(service))};
}

std::string services_text(const boost::json::value& services, const Style& style) {
  return services.is_array() ? format_services(services.get_array(), style) : pretty(services);
}

ExitCode show_services(const Context& context, const Shown& shown) {
  Remote remote = context.remote();
  const auto services = ask_services(remote, shown.service);
  if (context.json) {
    print_json(services);
  } else {
    print(services_text(services, context.style));
  }
  return kDone;
}

ExitCode watch_services(const Context& context, const Shown& shown) {
  const auto interval_ms = parse_duration_ms(shown.interval);
  if (!interval_ms || *interval_ms < 100) {
    throw Failure(kUsage, fmt::format("--interval: {} is not a time from 100ms to 10m", shown.interval));
  }
  Remote remote = context.remote(std::chrono::seconds(10));
  Interruption interruption;
  // An unknown service is an error before the screen is taken.
  auto services = ask_services(remote, shown.service);
  Screen screen(!context.json && shown.frames == 0 && Screen::can_draw());
  auto due = SteadyClock::now();
  for (unsigned frame = 1;; ++frame) {
    if (context.json) {
      print(boost::json::serialize(services) + "\n");
    } else {
      screen.show(services_text(services, context.style));
    }
    if (frame == shown.frames) break;
    due = std::max(due + std::chrono::milliseconds(*interval_ms), SteadyClock::now());
    if (!interruption.wait_until(due)) break;
    services = ask_services(remote, shown.service);
  }
  return kDone;
}

struct BackendWish {
  std::string service;
  std::string address;
  std::string weight;
  bool drain = false;
  bool undrain = false;
};

ExitCode change_backend(const Context& context, const BackendWish& wish, bool remove) {
  const std::string target = fmt::format("/v1/services/{}/backends/{}", http::percent_encode(wish.service),
                                         http::percent_encode(wish.address));
  boost::json::object body;
  if (!wish.weight.empty()) body["weight"] = std::stoul(wish.weight);
  if (wish.drain || wish.undrain) body["draining"] = wish.drain;
  const auto answer = remove ? context.remote().call(http::Method::kDelete, target)
                             : context.remote().call(http::Method::kPut, target, boost::json::serialize(body),
                                                     "application/json");
  if (context.json) {
    print_json(answer);
  } else {
    print(fmt::format("{} of {}: {}; vnfctl services shows when it is so\n", printable(wish.address),
                      printable(wish.service), remove ? "goes" : "accepted"));
  }
  return kDone;
}

}  // namespace

void add_service_commands(CLI::App& app, Context& context) {
  CLI::App* services =
      app.add_subcommand("services", "of a load balancer: services, their backends and how these do");
  auto shown = std::make_shared<Shown>();
  services->add_option("SERVICE", shown->service, "only this one");
  CLI::Option* watch =
      services->add_flag("--watch", shown->watch, "again each second, in place; ends on Ctrl-C");
  services->add_option("--interval", shown->interval, "time between two looks (1s)")
      ->type_name("TIME")
      ->needs(watch);
  services->add_option("-n,--frames", shown->frames, "end after so many")
      ->check(CLI::PositiveNumber)
      ->needs(watch);
  services->callback([&context, shown] {
    context.run = [&context, shown] {
      return shown->watch ? watch_services(context, *shown) : show_services(context, *shown);
    };
  });

  CLI::App* backend = app.add_subcommand("backend", "of a load balancer: add, change or take away a backend");
  backend->require_subcommand(1);
  const auto add = [&context, backend](const char* name, const char* what, bool remove) {
    CLI::App* command = backend->add_subcommand(name, what);
    auto wish = std::make_shared<BackendWish>();
    command->add_option("SERVICE", wish->service, "as the profile calls it")->required();
    command->add_option("ADDRESS", wish->address, "10.0.0.13, 10.0.0.13:8080 or [2001:db8::13]:8080")
        ->required();
    command->callback([&context, wish, remove] {
      context.run = [&context, wish, remove] { return change_backend(context, *wish, remove); };
    });
    return std::pair(command, wish);
  };
  const auto [set, wish] = add("set", "add a backend, or change the one there is", false);
  set->add_option("--weight", wish->weight, "its share of new connections; 0: none")
      ->check(CLI::Range(0, 1000))
      ->type_name("NUMBER");
  CLI::Option* drain = set->add_flag("--drain", wish->drain, "no new connections; it keeps those it has");
  set->add_flag("--undrain", wish->undrain, "new connections again")->excludes(drain);
  add("remove", "take a backend away; its connections go on for the service's drain time", true);
}

}  // namespace millrace::vnfctl
