// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/load_balancer/profile_health_schema.h"

#include "common/control/profile/types.h"
#include "vnfs/load_balancer/profile_types.h"

namespace millrace::load_balancer::profile {
namespace {

using namespace std::chrono_literals;
using control::absent_means;
using control::choice;
using control::duration;
using control::string;
using control::Struct;
using control::TypePtr;

constexpr std::size_t kMostPath = 4095;  // PATH_MAX of Linux, without the end

}  // namespace

TypePtr<Discovery> discovery() {
  auto table = std::make_shared<Struct<Discovery>>(
      "discovery", "Backends that come and go while the appliance runs, beside those under `backends`.");
  table->position(&Discovery::at);
  table->field(
      "file", &Discovery::file, string("the path of a file", kMostPath),
      "Text file with a backend per line, `ADDRESS [port=N] [weight=N]`; `#` starts a comment. It is "
      "read anew when it changes. A relative path starts at the profile's folder.",
      absent_means("not used"));
  table->field("dns", &Discovery::dns, host_name(), "Domain name: each of its addresses is a backend.",
               absent_means("not used"));
  table->field("interval", &Discovery::interval, duration(1s, 24h), "How often the name is looked up.");
  return table;
}

TypePtr<Health> health() {
  auto table = std::make_shared<Struct<Health>>(
      "health",
      "Questions that each backend is asked again and again, through the data network. A key that the type "
      "has no use for is an error.");
  const auto number = control::integer<std::uint32_t>(1, 100);
  const auto text = string("a text");
  const auto path = string("the path of a file", kMostPath);
  const auto domain_name = host_name();
  table->position(&Health::at);
  table->field(
      "type", &Health::type,
      choice<CheckType>({{"tcp", CheckType::kTcp, "a connection can be opened"},
                         {"http", CheckType::kHttp, "a GET is answered as expected"},
                         {"https", CheckType::kHttps, "the same over TLS, with a certificate that is good"},
                         {"udp", CheckType::kUdp, "a datagram is answered as expected"},
                         {"dns", CheckType::kDns, "a question for a name is answered without an error"},
                         {"icmp", CheckType::kIcmp, "an echo request is answered"},
                         {"script", CheckType::kScript, "a program ends with status 0"}}),
      "What is asked.");
  table->field("port", &Health::port, one_port(), "Port that is asked.",
               absent_means("the backend's, or else the first of the service's `ports`"));
  table->field("interval", &Health::interval, duration(100ms, 1h), "Time from one question to the next.");
  table->field("timeout", &Health::timeout, duration(10ms, 1h),
               "How long an answer may take to be complete; at most `interval`.",
               absent_means("`1s`, or `interval` if that is less"));
  table->field("rise", &Health::rise, number, "Good answers in a row after which a backend is up.");
  table->field("fall", &Health::fall, number, "Failures in a row after which it is down.");
  table->field("jitter", &Health::jitter, control::integer<std::uint32_t>(0, 50),
               "By how many per cent an interval is longer or shorter at random, so that questions do not "
               "come in bursts.");
  table->field("path", &Health::path, text, "Path of the GET, with its query; of http and https.",
               absent_means("`/`"));
  table->field("host", &Health::host, text, "Host header of the GET; of http and https.",
               absent_means("the backend's address"));
  table->field("expect", &Health::expect, http_status(), "Status codes that are good; of http and https.",
               absent_means("200 to 399"));
  table->field("body", &Health::body, text, "Text that the answer's body contains; of http and https.",
               absent_means("any body"));
  table->field("server_name", &Health::server_name, domain_name,
               "Name that TLS asks for, and that the certificate must have; of https.",
               absent_means("none is asked for, and the certificate must have the backend's address"));
  table->field("ca", &Health::ca, path,
               "File of certificates (PEM) one of which must have signed the backend's; of https. A relative "
               "path starts at the profile's folder.",
               absent_means("those the system trusts"));
  table->field("verify", &Health::verify, control::boolean(),
               "Whether the certificate must be good; of https.");
  table->field("send", &Health::send, payload(),
               "What the datagram carries: a text, or hexadecimal digits after `0x`; of udp, which needs it.",
               absent_means("none"));
  table->field("receive", &Health::receive, payload(), "What the answer begins with, likewise; of udp.",
               absent_means("any answer"));
  table->field(
      "name", &Health::name, domain_name,
      "Name that is asked for: its A records, or its AAAA records of a backend with an IPv6 address; "
      "of dns, which needs it.",
      absent_means("none"));
  table->field("command", &Health::command, path,
               "Program that is run with the backend's address and port as its arguments; of script, which "
               "needs it. A relative path starts at the profile's folder.",
               absent_means("none"));
  return table;
}

TypePtr<PassiveHealth> passive_health() {
  auto table = std::make_shared<Struct<PassiveHealth>>(
      "passive",
      "A backend that lets TCP handshakes of clients fail gets no new connections for a while; `{}` for the "
      "defaults below.");
  table->position(&PassiveHealth::at);
  table->field("failures", &PassiveHealth::failures, control::integer<std::uint32_t>(1, 1000),
               "Handshakes in a row that are refused, or not answered in time.");
  table->field("eject", &PassiveHealth::eject, duration(1s, 24h),
               "For how long the first time; it doubles each time the backend fails again.");
  table->field("longest", &PassiveHealth::longest, duration(1s, 24h), "For how long at most.",
               absent_means("`5m`, or `eject` if that is more"));
  table->field("most_ejected", &PassiveHealth::most_ejected, control::integer<std::uint32_t>(1, 100),
               "Per cent of the service's backends that may be out at the same time.");
  return table;
}

}  // namespace millrace::load_balancer::profile
