// SPDX-License-Identifier: BSD-3-Clause
// qos
#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "common/control/metrics_text.h"
#include "common/control/vnfctl/commands.h"
#include "common/control/vnfctl/formats.h"
#include "common/control/vnfctl/json_access.h"
#include "common/control/vnfctl/scrape.h"

namespace millrace::vnfctl {
namespace {

// Of packets and bytes, for each policer and color, and for each rule: {"policers": {NAME: {COLOR: ...}},
// "rules": ...}.
boost::json::object report(const std::vector<MetricSample>& samples) {
  boost::json::object policers;
  boost::json::object rules;
  const auto put = [](boost::json::object& all, std::string_view name) -> boost::json::object& {
    boost::json::value& one = all[name];
    return one.is_object() ? one.get_object() : one.emplace_object();
  };
  for (const MetricSample& sample : samples) {
    const bool packets = sample.name.ends_with(control::metric::kPolicerPackets) ||
                         sample.name.ends_with(control::metric::kTrafficRulePackets);
    const std::string_view what = packets ? "packets" : "bytes";
    if (sample.name.ends_with(control::metric::kPolicerPackets) ||
        sample.name.ends_with(control::metric::kPolicerBytes)) {
      put(put(policers, sample.label("policer")), sample.label("color"))[what] = json_number(sample.value);
    } else if (sample.name.ends_with(control::metric::kTrafficRulePackets) ||
               sample.name.ends_with(control::metric::kTrafficRuleBytes)) {
      put(rules, sample.label("rule"))[what] = json_number(sample.value);
    }
  }
  return {{"policers", std::move(policers)}, {"rules", std::move(rules)}};
}

ExitCode show_qos(const Context& context) {
  const auto answer = report(parse_metrics(context.remote().get_text("/v1/metrics")));
  if (context.json) {
    print_json(answer);
  } else {
    print(format_qos(answer, context.style));
  }
  return kDone;
}

}  // namespace

void add_qos_command(CLI::App& app, Context& context) {
  app.add_subcommand("qos", "what meters have let through, and which packets came under which rule")
      ->callback([&context] { context.run = [&context] { return show_qos(context); }; });
}

}  // namespace millrace::vnfctl
