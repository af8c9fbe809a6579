// SPDX-License-Identifier: BSD-3-Clause
// sessions, sessions flush, sessions export, sessions import
#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json.hpp>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>

#include <fmt/format.h>

#include "common/control/vnfctl/commands.h"
#include "common/control/vnfctl/formats.h"
#include "common/control/vnfctl/json_access.h"
#include "common/control/vnfctl/output_file.h"

namespace millrace::vnfctl {
namespace {

constexpr std::uint64_t kPage = 1000;  // the API's limit
constexpr std::chrono::minutes kTransferTime{10};

struct Listing {
  MatchOptions match;
  std::uint64_t limit = 100;
  bool count = false;
};

// Calls `take` with every page until there are no more or it says false.
template <class Take>
void for_each_page(Remote& remote, const MatchOptions& match, std::uint64_t page_size, const Take& take) {
  std::string cursor;
  do {
    Query query = match.query();
    query.emplace_back("limit", fmt::format("{}", page_size));
    query.emplace_back("cursor", cursor);
    const auto page = remote.get("/v1/sessions" + query_text(query));
    const auto* next = find(page, "next");
    cursor = next != nullptr && next->is_string() ? to_text(*next) : "";
    if (!take(array_at(page, "sessions"), !cursor.empty())) return;
  } while (!cursor.empty());
}

ExitCode count(const Context& context, const Listing& listing) {
  Remote remote = context.remote();
  std::uint64_t sessions = 0;
  for_each_page(remote, listing.match, kPage, [&sessions](const boost::json::array& page, bool) {
    sessions += page.size();
    return true;
  });
  if (context.json) {
    print_json(boost::json::object{{"sessions", sessions}});
  } else {
    print(fmt::format("{}\n", sessions));
  }
  return kDone;
}

ExitCode list(const Context& context, const Listing& listing) {
  Remote remote = context.remote();
  boost::json::array sessions;
  bool more = false;
  for_each_page(
      remote, listing.match, std::min(kPage, listing.limit), [&](const boost::json::array& page, bool next) {
        const std::size_t room = listing.limit - sessions.size();
        const std::size_t taken = std::min<std::size_t>(room, page.size());
        sessions.insert(sessions.end(), page.begin(), page.begin() + static_cast<std::ptrdiff_t>(taken));
        more = next || taken < page.size();
        return sessions.size() < listing.limit;
      });
  if (context.json) {
    print_json(sessions);
    return kDone;
  }
  print(format_sessions(sessions, context.style));
  if (more) print(fmt::format("the first {}; there are more (--limit, --count)\n", sessions.size()));
  return kDone;
}

ExitCode flush(const Context& context, const MatchOptions& match, bool all) {
  Query query = match.query();
  if (!all && query_text(query).empty())
    throw Failure(kUsage, "say which sessions are to end (--source, --port, ...), or --all");
  query.emplace_back("all", all ? "true" : "");
  const auto answer =
      context.remote(kTransferTime).call(http::Method::kDelete, "/v1/sessions" + query_text(query));
  if (context.json) {
    print_json(answer);
  } else {
    print(fmt::format("{} sessions ended\n", text_at(answer, "flushed")));
  }
  return kDone;
}

ExitCode export_to(const Context& context, const std::string& path) {
  OutputFile file(path);
  context.remote().stream("/v1/sessions/export", [&file](std::string_view piece) {
    file.write(piece);
    return true;
  });
  file.finish();
  if (!file.is_standard_output()) print(fmt::format("{} bytes written to {}\n", file.bytes(), path));
  return kDone;
}

ExitCode import_from(const Context& context, const std::string& path) {
  std::ifstream file;
  if (path != "-") file.open(path, std::ios::binary);
  std::istream& in = path == "-" ? std::cin : file;
  if (!in) throw Failure(kUsage, fmt::format("cannot read {}", path));
  std::string stream{std::istreambuf_iterator<char>(in), {}};
  const auto answer =
      context.remote(kTransferTime)
          .call(http::Method::kPost, "/v1/sessions/import", std::move(stream), "application/octet-stream");
  if (context.json) {
    print_json(answer);
  } else {
    print(fmt::format("{} sessions taken over, {} refused\n", text_at(answer, "taken"),
                      text_at(answer, "refused")));
  }
  return kDone;
}

}  // namespace

void add_session_commands(CLI::App& app, Context& context) {
  CLI::App* sessions = app.add_subcommand("sessions", "list sessions; flush, export or import them");
  sessions->require_subcommand(0, 1);
  auto listing = std::make_shared<Listing>();
  listing->match.add_to(*sessions, true);
  sessions->add_option("--limit", listing->limit, "at most so many (100)")->check(CLI::PositiveNumber);
  sessions->add_flag("--count", listing->count, "only say how many there are");
  sessions->callback([&context, listing, sessions] {
    if (!sessions->get_subcommands().empty()) return;
    context.run = [&context, listing] {
      return listing->count ? count(context, *listing) : list(context, *listing);
    };
  });

  CLI::App* flushing = sessions->add_subcommand("flush", "end the sessions that match");
  auto match = std::make_shared<MatchOptions>();
  auto all = std::make_shared<bool>(false);
  match->add_to(*flushing, true);
  flushing->add_flag("--all", *all, "end every session");
  flushing->callback([&context, match, all] {
    context.run = [&context, match, all] { return flush(context, *match, *all); };
  });

  const auto add_transfer = [&context, sessions](const char* name, const char* what, auto* transfer) {
    CLI::App* command = sessions->add_subcommand(name, what);
    auto path = std::make_shared<std::string>();
    command->add_option("FILE", *path, "the stream; - for standard input or output")->required();
    command->callback([&context, path, transfer] {
      context.run = [&context, path, transfer] { return transfer(context, *path); };
    });
  };
  add_transfer("export", "write the state of all sessions to a file", export_to);
  add_transfer("import", "take over sessions from a file", import_from);
}

}  // namespace millrace::vnfctl
