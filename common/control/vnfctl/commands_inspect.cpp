// SPDX-License-Identifier: BSD-3-Clause
// explain, trace, capture
#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <memory>

#include <fmt/format.h>

#include "common/control/vnfctl/commands.h"
#include "common/control/vnfctl/formats.h"
#include "common/control/vnfctl/json_access.h"
#include "common/control/vnfctl/output_file.h"
#include "common/control/vnfctl/service.h"
#include "common/control/vnfctl/units.h"

namespace millrace::vnfctl {
namespace {

constexpr std::chrono::seconds kGrace{10};  // beyond the time the appliance waits

struct Packet {
  std::string source;
  std::string destination;
  std::string service;
  std::string interface;
  std::string flags;
  int source_port = -1;
  int dscp = -1;
  int vlan = 0;  // none
  int outer_vlan = 0;
};

struct Waiting {
  MatchOptions match;
  unsigned packets = 0;
  std::string timeout = "10s";
  unsigned snap_length = 0;
  std::string file;

  void add_to(CLI::App& command, unsigned default_packets);
  [[nodiscard]] unsigned timeout_ms() const;
  [[nodiscard]] std::chrono::milliseconds patience() const {
    return std::chrono::milliseconds(timeout_ms()) + kGrace;
  }
  [[nodiscard]] std::string body() const;
};

void Waiting::add_to(CLI::App& command, unsigned default_packets) {
  packets = default_packets;
  match.add_to(command, false);
  command.add_option("-n,--packets", packets, fmt::format("so many packets ({})", default_packets))
      ->check(CLI::PositiveNumber);
  command.add_option("--timeout", timeout, "wait at most so long (10s)")->type_name("TIME");
}

unsigned Waiting::timeout_ms() const {
  const auto ms = parse_duration_ms(timeout);
  if (!ms) throw Failure(kUsage, fmt::format("--timeout: {} is not a time from 1ms to 10m", timeout));
  return *ms;
}

std::string Waiting::body() const {
  boost::json::object body{{"match", match.json()}, {"packets", packets}, {"timeout_ms", timeout_ms()}};
  if (snap_length != 0) body["snap_length"] = snap_length;
  return boost::json::serialize(body);
}

ExitCode explain(const Context& context, const Packet& packet) {
  boost::json::object body{{"source", packet.source}, {"destination", packet.destination}};
  if (const auto wrong = describe_service(packet.service, body)) throw Failure(kUsage, *wrong);
  if (!packet.interface.empty()) body["interface"] = packet.interface;
  if (!packet.flags.empty()) body["tcp_flags"] = packet.flags;
  if (packet.source_port >= 0) body["source_port"] = packet.source_port;
  if (packet.dscp >= 0) body["dscp"] = packet.dscp;
  if (packet.vlan != 0) body["vlan"] = packet.vlan;
  if (packet.outer_vlan != 0) body["outer_vlan"] = packet.outer_vlan;
  const auto explanation = context.remote().call(http::Method::kPost, "/v1/explain",
                                                 boost::json::serialize(body), "application/json");
  if (context.json) {
    print_json(explanation);
  } else {
    print(format_explanation(explanation, context.style));
  }
  return kDone;
}

ExitCode trace(const Context& context, const Waiting& waiting) {
  const auto answer = context.remote(waiting.patience())
                          .call(http::Method::kPost, "/v1/trace", waiting.body(), "application/json");
  if (context.json) {
    print_json(array_at(answer, "packets"));
  } else {
    print(format_trace(array_at(answer, "packets"), context.style));
  }
  return kDone;
}

ExitCode capture(const Context& context, const Waiting& waiting) {
  const std::string body = waiting.body();
  OutputFile file(waiting.file);
  file.write(context.remote(waiting.patience()).call_text(http::Method::kPost, "/v1/capture", body));
  file.finish();
  if (file.is_standard_output()) return kDone;
  if (context.json) {
    print_json(boost::json::object{{"file", waiting.file}, {"bytes", file.bytes()}});
  } else {
    print(fmt::format("{} bytes written to {}\n", file.bytes(), waiting.file));
  }
  return kDone;
}

}  // namespace

void add_inspect_commands(CLI::App& app, Context& context) {
  CLI::App* explaining = app.add_subcommand("explain", "what would become of a packet, and why");
  auto packet = std::make_shared<Packet>();
  explaining->add_option("SOURCE", packet->source, "address")->required();
  explaining->add_option("DESTINATION", packet->destination, "address")->required();
  explaining->add_option("SERVICE", packet->service, "tcp/80, udp/53, icmp, icmp/3/4, esp, 47")->required();
  explaining->add_option("--interface", packet->interface, "logical interface of arrival");
  explaining
      ->add_option("--vlan", packet->vlan, "VLAN id, the inner one of two tags (transparent forwarding)")
      ->check(CLI::Range(1, 4095));
  explaining->add_option("--outer-vlan", packet->outer_vlan, "VLAN id of the outer of two tags")
      ->check(CLI::Range(1, 4095));
  explaining->add_option("--source-port", packet->source_port, "source port")->check(CLI::Range(0, 65535));
  explaining->add_option("--flags", packet->flags, "TCP flags: syn, or syn,ack");
  explaining->add_option("--dscp", packet->dscp, "0 to 63")->check(CLI::Range(0, 63));
  explaining->callback(
      [&context, packet] { context.run = [&context, packet] { return explain(context, *packet); }; });

  CLI::App* tracing = app.add_subcommand("trace", "follow the next packets that match, stage by stage");
  auto traced = std::make_shared<Waiting>();
  traced->add_to(*tracing, 5);
  tracing->callback(
      [&context, traced] { context.run = [&context, traced] { return trace(context, *traced); }; });

  CLI::App* capturing = app.add_subcommand("capture", "write the next packets that match to a pcapng file");
  auto captured = std::make_shared<Waiting>();
  captured->add_to(*capturing, 100);
  capturing->add_option("FILE", captured->file, "- for standard output")->required();
  capturing->add_option("--snap-length", captured->snap_length, "keep so many bytes of each packet (2048)")
      ->check(CLI::Range(64, 65535));
  capturing->callback(
      [&context, captured] { context.run = [&context, captured] { return capture(context, *captured); }; });
}

}  // namespace millrace::vnfctl
