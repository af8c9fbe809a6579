// SPDX-License-Identifier: BSD-3-Clause
// metrics, rules, drops, stages
#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <memory>
#include <regex>

#include "common/control/metrics_text.h"
#include "common/control/vnfctl/commands.h"
#include "common/control/vnfctl/formats.h"
#include "common/control/vnfctl/json_access.h"
#include "common/control/vnfctl/scrape.h"

namespace millrace::vnfctl {
namespace {

boost::json::object to_json(const MetricSample& sample) {
  boost::json::object labels;
  for (const auto& [name, value] : sample.labels) labels[name] = value;
  return {{"name", sample.name}, {"labels", std::move(labels)}, {"value", json_number(sample.value)}};
}

// The lines that match; comments only when nothing is looked for.
std::string matching_lines(std::string_view text, const std::regex& pattern) {
  std::string out;
  while (!text.empty()) {
    const std::string line(text.substr(0, text.find('\n')));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (!line.starts_with('#') && std::regex_search(line, pattern)) out += line + "\n";
  }
  return out;
}

ExitCode show_metrics(const Context& context, const std::string& grep) {
  std::regex pattern;
  try {
    pattern = std::regex(grep, std::regex::extended | std::regex::nosubs);
  } catch (const std::regex_error& error) {
    throw Failure(kUsage, "--grep: " + std::string(error.what()));
  }
  std::string text = context.remote().get_text("/v1/metrics");
  if (!grep.empty()) text = matching_lines(text, pattern);
  if (context.json) {
    boost::json::array samples;
    for (const MetricSample& sample : parse_metrics(text)) samples.emplace_back(to_json(sample));
    print_json(samples);
  } else {
    print(text);
  }
  return kDone;
}

using Format = std::string (*)(const boost::json::array&, const Style&);

// A listing of the appliance's own: /v1/VNF/WHAT.
ExitCode show_own(const Context& context, std::string_view what, Format format) {
  Remote remote = context.remote();
  const auto listing = remote.get("/v1/" + remote.vnf() + "/" + std::string(what));
  if (context.json) {
    print_json(listing);
  } else {
    print(listing.is_array() ? format(listing.get_array(), context.style) : pretty(listing));
  }
  return kDone;
}

ExitCode show_drops(const Context& context) {
  Remote remote = context.remote();
  std::map<std::string, std::string> sentences;
  if (const auto reasons = remote.get_if_there("/v1/" + remote.vnf() + "/drops");
      reasons && reasons->is_array()) {
    for (const auto& one : reasons->get_array()) sentences[text_at(one, "reason")] = text_at(one, "sentence");
  }
  std::vector<DropCount> drops;
  const auto samples = parse_metrics(remote.get_text("/v1/metrics"));
  for (const auto& [reason, packets] : sums_by(samples, control::metric::kDroppedPackets, "reason")) {
    const auto sentence = sentences.find(reason);
    drops.push_back({reason, packets, sentence == sentences.end() ? "" : sentence->second});
  }
  if (!context.json) {
    print(format_drops(std::move(drops), context.style));
    return kDone;
  }
  boost::json::array listing;
  for (const DropCount& drop : drops) {
    listing.emplace_back(boost::json::object{
        {"reason", drop.reason}, {"sentence", drop.sentence}, {"packets", json_number(drop.packets)}});
  }
  print_json(listing);
  return kDone;
}

}  // namespace

void add_counter_commands(CLI::App& app, Context& context) {
  CLI::App* metrics = app.add_subcommand("metrics", "all counters, as Prometheus reads them");
  auto grep = std::make_shared<std::string>();
  metrics->add_option("--grep", *grep, "only the lines that match this extended regular expression")
      ->type_name("REGEX");
  metrics->callback(
      [&context, grep] { context.run = [&context, grep] { return show_metrics(context, *grep); }; });

  app.add_subcommand("rules", "what each rule has let through or stopped")->callback([&context] {
    context.run = [&context] { return show_own(context, "rules", format_rules); };
  });
  app.add_subcommand("stages", "cycles per packet, stage by stage")->callback([&context] {
    context.run = [&context] { return show_own(context, "stages", format_stages); };
  });
  app.add_subcommand("drops", "why packets were dropped, the most frequent first")->callback([&context] {
    context.run = [&context] { return show_drops(context); };
  });
}

}  // namespace millrace::vnfctl
