// SPDX-License-Identifier: BSD-3-Clause
// nat: pools, subscribers, lookup
#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <memory>
#include <vector>

#include <fmt/format.h>

#include "common/control/vnfctl/commands.h"
#include "common/control/vnfctl/json_access.h"
#include "common/control/vnfctl/text_table.h"
#include "common/control/vnfctl/units.h"

namespace millrace::vnfctl {
namespace {

// "203.0.113.9:40001", "203.0.113.9", "2001:db8::1", "[2001:db8::1]:80"
struct AddressAndPort {
  std::string address;
  std::string port;

  [[nodiscard]] static AddressAndPort of(const std::string& text) {
    const std::size_t colon = text.rfind(':');
    const bool bracketed = !text.empty() && text.front() == '[';
    const bool one_colon = colon != std::string::npos && text.find(':') == colon;
    if (!bracketed && !one_colon) return {text, {}};
    const std::size_t end = bracketed ? text.find(']') : colon;
    const std::size_t begin = bracketed ? 1 : 0;
    const bool port = colon != std::string::npos && colon >= end;
    return {text.substr(begin, end - begin), port ? text.substr(colon + 1) : std::string()};
  }
};

struct Wanted {
  std::string address;
  std::string protocol;
  std::string domain;
  std::vector<std::string> at;  // "at TIME" or TIME
};

bool is_null_at(const boost::json::value& value, std::string_view path) {
  const auto* found = find(value, path);
  return found == nullptr || found->is_null();
}

std::string ports_of(const boost::json::value& answer) {
  const auto first = number_at(answer, "first_port");
  const auto last = number_at(answer, "last_port");
  return first == last ? fmt::format("{}", first) : fmt::format("{}-{}", first, last);
}

std::string format_answers(const boost::json::value& found, const Style& style) {
  const auto& answers = array_at(found, "answers");
  std::string out;
  if (!answers.empty()) {
    TextTable table(
        {{"INSIDE"}, {"PORT", kRight}, {"OUTSIDE"}, {"PORTS"}, {"PROTOCOL"}, {"DOMAIN"}, {"BY"}, {"SINCE"}});
    for (const auto& one : answers) {
      const std::string since = is_null_at(one, "since") ? "the profile says so" : text_at(one, "since");
      table.add({text_at(one, "inside"),
                 text_at(one, "inside_port"),
                 text_at(one, "outside"),
                 ports_of(one),
                 is_null_at(one, "protocol") ? "all" : text_at(one, "protocol"),
                 text_at(one, "domain"),
                 text_at(one, "by"),
                 {since, flag_at(one, "then") ? Tone::kPlain : Tone::kBad}});
    }
    out = table.render(style);
  }
  return out + text_at(found, "summary") + "\n";
}

ExitCode look_up(const Context& context, const Wanted& wanted) {
  const AddressAndPort end = AddressAndPort::of(wanted.address);
  std::vector<std::string> at = wanted.at;
  if (!at.empty() && at.front() == "at") at.erase(at.begin());
  if (at.size() > 1 || (at.empty() && !wanted.at.empty()))
    throw Failure(kUsage, "after the address: at TIME, such as at 2026-03-01T08:00:00Z");
  Query query{{"address", end.address}};
  if (!end.port.empty()) query.emplace_back("port", end.port);
  if (!wanted.protocol.empty()) query.emplace_back("protocol", wanted.protocol);
  if (!wanted.domain.empty()) query.emplace_back("domain", wanted.domain);
  if (!at.empty()) query.emplace_back("at", at.front());
  const auto found = context.remote().get("/v1/nat/lookup" + query_text(query));
  if (context.json) {
    print_json(found);
  } else {
    print(format_answers(found, context.style));
  }
  return kDone;
}

std::string format_pools(const boost::json::array& pools, const Style& style) {
  TextTable table({{"POOL"},
                   {"ADDRESSES", kRight},
                   {"PORTS", kRight},
                   {"GIVEN", kRight},
                   {"FULL", kRight},
                   {"BLOCK", kRight},
                   {"DOMAIN"}});
  for (const auto& pool : pools) {
    const double ports = number_at(pool, "ports");
    const double given = number_at(pool, "ports_given");
    const double full = ports > 0 ? given / ports : 0;
    table.add({text_at(pool, "name"),
               text_at(pool, "addresses"),
               human_count(ports),
               human_count(given),
               {fmt::format("{:.1f} %", full * 100), full > 0.9 ? Tone::kBad : Tone::kPlain},
               text_at(pool, "block"),
               text_at(pool, "domain")});
  }
  return table.empty() ? "the profile has no pool\n" : table.render(style);
}

std::string format_subscribers(const boost::json::array& subscribers, const Style& style) {
  TextTable table({{"SUBSCRIBER"},
                   {"DOMAIN"},
                   {"SESSIONS", kRight},
                   {"TCP PORTS", kRight},
                   {"UDP PORTS", kRight},
                   {"ICMP", kRight},
                   {"BLOCKS"}});
  for (const auto& one : subscribers) {
    std::string blocks;
    for (const auto& block : array_at(one, "blocks"))
      blocks += (blocks.empty() ? "" : ", ") + text_at(block, "address") + ":" + ports_of(block);
    table.add({text_at(one, "address"), text_at(one, "domain"), human_count(number_at(one, "sessions")),
               text_at(one, "tcp_ports"), text_at(one, "udp_ports"), text_at(one, "icmp_identifiers"),
               blocks});
  }
  return table.empty() ? "nobody inside has a port now\n" : table.render(style);
}

}  // namespace

void add_nat_commands(CLI::App& app, Context& context) {
  CLI::App* nat = app.add_subcommand("nat", "of a NAT gateway: who has which address and port");
  nat->require_subcommand(1);

  CLI::App* lookup = nat->add_subcommand(
      "lookup", "who is behind an outside address and port, or what a host inside is called outside");
  auto wanted = std::make_shared<Wanted>();
  lookup->add_option("ADDRESS", wanted->address, "203.0.113.9:40001, or an inside address")->required();
  lookup->add_option("AT", wanted->at, "at TIME (UTC): whether it was so then")->expected(0, 2);
  lookup->add_option("--protocol", wanted->protocol, "tcp, udp or icmp; all unless given");
  lookup->add_option("--domain", wanted->domain, "routing domain of the address; all unless given");
  lookup->callback(
      [&context, wanted] { context.run = [&context, wanted] { return look_up(context, *wanted); }; });

  nat->add_subcommand("pools", "how full each pool is")->callback([&context] {
    context.run = [&context] { return show_list(context, "/v1/nat/pools", format_pools); };
  });
  nat->add_subcommand("subscribers", "hosts inside that have ports now")->callback([&context] {
    context.run = [&context] { return show_list(context, "/v1/nat/subscribers", format_subscribers); };
  });
}

}  // namespace millrace::vnfctl
