// SPDX-License-Identifier: BSD-3-Clause
// profile show, check, apply
#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <iostream>
#include <iterator>
#include <memory>

#include <fmt/format.h>

#include "common/control/profile/load.h"
#include "common/control/vnfctl/commands.h"
#include "common/control/vnfctl/formats.h"
#include "common/control/vnfctl/json_access.h"

namespace millrace::vnfctl {
namespace {

constexpr std::chrono::minutes kCompileTime{5};
constexpr std::size_t kMostBytes = std::size_t{64} << 20;  // as the API
constexpr std::size_t kLongestName = 255;  // what errors call the text; the API takes no longer one

ExitCode show(const Context& context) {
  const std::string text = context.remote().get_text("/v1/profile");
  if (context.json) {
    print_json(boost::json::object{{"profile", text}});
  } else {
    print(text);
  }
  return kDone;
}

std::string read_text(const std::string& path) {
  if (path == "-") return {std::istreambuf_iterator<char>(std::cin), {}};
  auto text = control::read_text_file(path, kMostBytes, true);
  if (!text) throw Failure(kUsage, text.error().message());
  return std::move(*text);
}

ExitCode give(const Context& context, const std::string& path, bool check_only) {
  const Query query{{"check", check_only ? "true" : ""},
                    {"file", path == "-" || path.size() > kLongestName ? "profile" : path}};
  Remote remote = context.remote(kCompileTime);
  http::Call call{
      .method = http::Method::kPut, .target = "/v1/profile" + query_text(query), .headers = {}, .body = {}};
  call.body = read_text(path);
  call.headers.set("Content-Type", "application/yaml");
  const http::Response response = remote.ask(call);
  const auto outcome = http::parse_json(response.body);
  if (context.json && outcome) {
    print_json(*outcome);
    return response.status / 100 == 2 ? kDone : kRefused;
  }
  if (response.status / 100 != 2 || !outcome) throw Failure(kRefused, problem_text(response));
  print(format_profile_outcome(*outcome, context.style));
  return kDone;
}

}  // namespace

void add_profile_commands(CLI::App& app, Context& context) {
  CLI::App* profile = app.add_subcommand("profile", "the running profile; check or apply another");
  profile->require_subcommand(1);
  profile->add_subcommand("show", "print the running profile")->callback([&context] {
    context.run = [&context] { return show(context); };
  });
  const auto add = [&context, profile](const char* name, const char* what, bool check_only) {
    CLI::App* command = profile->add_subcommand(name, what);
    auto path = std::make_shared<std::string>();
    command->add_option("FILE", *path, "YAML; - for standard input")->required();
    command->callback([&context, path, check_only] {
      context.run = [&context, path, check_only] { return give(context, *path, check_only); };
    });
  };
  add("check", "say what is wrong with a profile, change nothing", true);
  add("apply", "validate a profile and swap it in; nothing changes when it is refused", false);
}

}  // namespace millrace::vnfctl
