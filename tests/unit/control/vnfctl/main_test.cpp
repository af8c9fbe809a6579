// SPDX-License-Identifier: BSD-3-Clause
// The program itself, run against the API of a fake appliance.
#include <boost/json.hpp>
#include <fstream>
#include <iterator>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/control_server.h"
#include "tests/support/subprocess.h"

namespace millrace::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class Vnfctl : public ::testing::Test {
 protected:
  ControlServer server;
  FakeAppliance& fake = server.appliance;

  [[nodiscard]] std::vector<std::string> command(std::vector<std::string> arguments) const {
    std::vector<std::string> all{MILLRACE_VNFCTL, "--control", server.socket().string()};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return all;
  }
  Finished run(const std::vector<std::string>& arguments, const std::string& input = {}) {
    if (!started_) server.start();
    started_ = true;
    return run_program(command(arguments), {"NO_COLOR=1"}, input);
  }
  // Output of a command that is to succeed.
  std::string output(const std::vector<std::string>& arguments, const std::string& input = {}) {
    const Finished finished = run(arguments, input);
    EXPECT_EQ(finished.status, 0) << finished.err;
    EXPECT_EQ(finished.err, "");
    return finished.out;
  }
  [[nodiscard]] std::string file(const std::string& name, const std::string& content) const {
    const auto path = server.folder() / name;
    std::ofstream(path, std::ios::binary) << content;
    return path.string();
  }
  static std::string content(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  const FakeAppliance::Asked& asked() {
    server.stop();
    return fake.asked;
  }

 private:
  bool started_ = false;
};

TEST_F(Vnfctl, Health) {
  EXPECT_THAT(output({"health"}), AllOf(StartsWith("live, ready, up 1h02m, policy generation 7\n"),
                                        HasSubstr("     0    2  alive   25%        3\n")));
}

TEST_F(Vnfctl, HealthOfADeadApplianceIsShownAndFails) {
  fake.state.live = false;
  fake.state.reasons = {"worker 1 has stopped"};
  const auto finished = run({"health"});
  EXPECT_EQ(finished.status, 1);
  EXPECT_THAT(finished.out, HasSubstr("worker 1 has stopped"));
}

TEST_F(Vnfctl, Metrics) {
  EXPECT_THAT(output({"metrics"}), HasSubstr("# TYPE millrace_sessions gauge\n"));
  EXPECT_EQ(output({"metrics", "--grep", "sessions(_created_total)?\\{"}),
            "millrace_sessions{vnf=\"firewall\",name=\"fw-test\"} 2\n"
            "millrace_sessions_created_total{vnf=\"firewall\",name=\"fw-test\"} 12\n");
  EXPECT_EQ(run({"metrics", "--grep", "("}).status, 2);
}

TEST_F(Vnfctl, Sessions) {
  for (int id = 0; id < 250; ++id) {
    fake.all_sessions.push_back(
        boost::json::object{{"id", id}, {"protocol", "tcp"}, {"source", "s" + std::to_string(id)}});
  }
  const std::string listed = output({"sessions"});
  EXPECT_THAT(listed, AllOf(HasSubstr("s99 "), Not(HasSubstr("s100 ")), HasSubstr("there are more")));
  EXPECT_EQ(boost::json::parse(output({"sessions", "--limit", "200", "--json"})).as_array().size(), 200U);
  EXPECT_EQ(output({"sessions", "--count"}), "250\n");
  EXPECT_EQ(output({"sessions", "flush", "--port", "80"}), "250 sessions ended\n");
  EXPECT_EQ(output({"sessions", "--source", "10.0.0.0/8", "--rule", "a b&c"}), "no session\n");
  EXPECT_EQ(asked().match->source, net::Prefix::parse("10.0.0.0/8"));
  EXPECT_EQ(asked().match->rule, "a b&c");
}

TEST_F(Vnfctl, ServicesAndTheirBackends) {
  fake.listings["services"] = boost::json::parse(R"([
    {"name": "web", "address": "203.0.113.80", "backends": [{"address": "10.0.0.13", "state": "active"}]},
    {"name": "mail", "address": "203.0.113.25", "backends": []}])");
  EXPECT_THAT(output({"services"}), AllOf(StartsWith("web: 203.0.113.80"), HasSubstr("\nmail: ")));
  EXPECT_THAT(output({"services", "mail"}), StartsWith("mail: 203.0.113.25"));
  EXPECT_EQ(boost::json::parse(output({"services", "web", "--json"})).as_array().size(), 1U);
  const std::string watched = output({"services", "--watch", "-n", "2", "--interval", "100ms"});
  EXPECT_THAT(watched.substr(1), HasSubstr("\n\nweb: 203.0.113.80")) << "two frames";
  EXPECT_EQ(run({"services", "--interval", "1s"}).status, 2);
  const auto unknown = run({"services", "wep"});
  EXPECT_EQ(unknown.status, 1);
  EXPECT_THAT(unknown.err, HasSubstr("there is no service 'wep'"));
}

TEST_F(Vnfctl, ABackendIsSet) {
  fake.backends = {{"web/in", {"10.0.0.13"}}};
  EXPECT_THAT(output({"backend", "set", "web/in", "[2001:db8::13]:8080", "--weight", "5", "--drain"}),
              StartsWith("[2001:db8::13]:8080 of web/in: accepted"));
  const auto both = run({"backend", "set", "web/in", "10.0.0.13", "--drain", "--undrain"});
  EXPECT_EQ(both.status, 2);
  EXPECT_EQ(run({"backend", "set", "web/in", "10.0.0.13", "--weight", "1001"}).status, 2);
  const auto& change = asked().backend;
  ASSERT_TRUE(change);
  EXPECT_EQ(change->service, "web/in");
  EXPECT_EQ(change->address.to_string(), "2001:db8::13");
  EXPECT_EQ(change->port, 8080);
  EXPECT_EQ(change->weight, 5U);
  EXPECT_EQ(change->draining, true);
  EXPECT_FALSE(change->remove);
}

TEST_F(Vnfctl, ABackendGetsConnectionsAgain) {
  fake.backends = {{"web", {"10.0.0.13"}}};
  output({"backend", "set", "web", "10.0.0.13", "--undrain"});
  const auto& change = asked().backend;
  ASSERT_TRUE(change);
  EXPECT_EQ(change->draining, false);
  EXPECT_FALSE(change->weight);
}

TEST_F(Vnfctl, ABackendIsTakenAway) {
  fake.backends = {{"web", {"10.0.0.13"}}};
  EXPECT_THAT(output({"backend", "remove", "web", "10.0.0.13"}), StartsWith("10.0.0.13 of web: goes"));
  const auto unknown = run({"backend", "remove", "web", "10.0.0.14"});
  EXPECT_EQ(unknown.status, 1);
  EXPECT_THAT(unknown.err, HasSubstr("no such backend"));
  EXPECT_EQ(run({"backend", "remove", "web"}).status, 2);
  EXPECT_TRUE(asked().backend->remove);
}

TEST_F(Vnfctl, AnotherApplianceHasNoServices) {
  const auto refused = run({"services"});
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.err, HasSubstr("the firewall has no services"));
}

TEST_F(Vnfctl, FlushOfEverythingMustBeSaid) {
  const auto refused = run({"sessions", "flush"});
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.err, HasSubstr("--all"));
  EXPECT_EQ(output({"sessions", "flush", "--all"}), "0 sessions ended\n");
}

TEST_F(Vnfctl, SessionsMoveFromOneToAnother) {
  fake.exported = {std::string("state\0\xff", 7), "more"};
  const std::string path = (server.folder() / "state").string();
  EXPECT_THAT(output({"sessions", "export", path}), StartsWith("11 bytes written"));
  EXPECT_EQ(content(path), fake.exported[0] + "more");
  EXPECT_EQ(output({"sessions", "import", path}), "11 sessions taken over, 1 refused\n");
  EXPECT_EQ(asked().imported, fake.exported[0] + "more");
}

TEST_F(Vnfctl, AnExportThatBreaksOffLeavesTheOldFile) {
  const std::string path = file("state", "the last one");
  fake.exported = {"half of"};
  fake.trouble = Error{"export", "the other half is gone", {}};
  EXPECT_NE(run({"sessions", "export", path}).status, 0);
  EXPECT_EQ(content(path), "the last one");
  EXPECT_FALSE(std::filesystem::exists(path + ".part"));
}

TEST_F(Vnfctl, RulesDropsStages) {
  EXPECT_THAT(
      output({"rules"}),
      HasSubstr("2  old     drop       0        0       0 B         0         -  shadowed by web-in\n"));
  EXPECT_EQ(output({"drops"}),
            "PACKETS  REASON    WHAT HAPPENED\n"
            "     40  rule      A rule says drop.\n"
            "      5  no_route  No route leads to the destination.\n");
  EXPECT_THAT(output({"stages"}), HasSubstr("match_rules        12      4          300.5\n"));
}

TEST_F(Vnfctl, AListingThisApplianceDoesNotHave) {
  fake.listings.clear();
  const auto finished = run({"rules"});
  EXPECT_EQ(finished.status, 1);
  EXPECT_THAT(finished.err, HasSubstr("the firewall has no 'rules'"));
  EXPECT_THAT(output({"drops"}), HasSubstr("     40  rule\n"));  // without sentences
}

TEST_F(Vnfctl, Workers) {
  EXPECT_THAT(output({"workers"}), StartsWith("WORKER  CPU  STATE"));
  EXPECT_EQ(boost::json::parse(output({"workers", "3", "--json"})).at("count").as_int64(), 3);
  EXPECT_EQ(run({"workers", "0"}).status, 2);
  EXPECT_EQ(run({"workers", "500"}).status, 1);
}

TEST_F(Vnfctl, ProfileShowCheckApply) {
  const std::string path = file("fw.yaml", "vnf: firewall\n");
  EXPECT_EQ(output({"profile", "show"}), fake.profile);
  EXPECT_EQ(output({"profile", "check", path}), "valid: compiled in 1.5 ms; not applied\n");
  EXPECT_EQ(output({"profile", "apply", path}), "applied: generation 8, compiled in 1.5 ms\n");
  EXPECT_EQ(output({"profile", "apply", "-"}, "name: b\n"), "applied: generation 8, compiled in 1.5 ms\n");
  EXPECT_EQ(asked().profile, "name: b\n");
}

TEST_F(Vnfctl, ARefusedProfileNamesFileLineAndColumn) {
  fake.outcome = control::ProfileOutcome();
  const std::string path = file("fw.yaml", "x");
  fake.outcome.diagnostics = control::Diagnostics(path);
  fake.outcome.diagnostics.error({3, 7}, "burst: 0 is out of range");
  fake.outcome.diagnostics.error({9, 1}, "unknown key");
  const auto finished = run({"profile", "apply", path});
  EXPECT_EQ(finished.status, 1);
  EXPECT_EQ(finished.out, "");
  EXPECT_EQ(finished.err, path + ":3:7: burst: 0 is out of range\n" + path + ":9:1: unknown key\n");
  const auto as_json = run({"--json", "profile", "check", path});
  EXPECT_EQ(as_json.status, 1);
  EXPECT_EQ(boost::json::parse(as_json.out).at("errors").as_array().size(), 2U);
  EXPECT_EQ(asked().file, path);
}

TEST_F(Vnfctl, Drain) {
  EXPECT_THAT(output({"drain", "start"}), StartsWith("draining"));
  EXPECT_THAT(output({"drain", "status"}), StartsWith("draining"));
  EXPECT_THAT(output({"drain", "stop"}), StartsWith("not draining"));
  EXPECT_EQ(run({"drain"}).status, 2);
}

TEST_F(Vnfctl, Explain) {
  fake.explanation = {{"verdict", "drop"}, {"rule", "default"}};
  EXPECT_EQ(output({"explain", "192.0.2.7", "198.51.100.9", "tcp/80", "--interface", "trust", "--source-port",
                    "7", "--flags", "syn,ack", "--vlan", "9", "--outer-vlan", "8"}),
            "drop\nrule: default\n");
  EXPECT_EQ(run({"explain", "192.0.2.7", "198.51.100.9", "http"}).status, 2);
  EXPECT_EQ(run({"explain", "192.0.2.7", "2001:db8::1", "tcp/80"}).status, 1);
  EXPECT_EQ(asked().packet, boost::json::parse(R"({"source": "192.0.2.7", "destination": "198.51.100.9",
      "protocol": "tcp", "destination_port": 80, "interface": "trust", "tcp_flags": "syn,ack", "source_port": 7,
      "vlan": 9, "outer_vlan": 8})")
                                .as_object());
}

TEST_F(Vnfctl, Trace) {
  fake.traced = boost::json::parse(R"([{"packet": 0, "worker": 0, "events": [
      {"stage": "ingress", "verdict": "dropped", "reason": "land", "summary": "x", "nanoseconds": 1}]}])")
                    .as_array();
  EXPECT_THAT(output({"trace", "--source", "192.0.2.7", "--port", "80", "-n", "3", "--timeout", "250ms"}),
              HasSubstr("ingress  0 ns  dropped: land  x\n"));
  EXPECT_EQ(run({"trace", "--timeout", "1h"}).status, 2);
  EXPECT_EQ(asked().packets, 3U);
  EXPECT_EQ(asked().timeout_ms, 250U);
  EXPECT_EQ(asked().match->port, 80);
}

TEST_F(Vnfctl, Capture) {
  fake.captured = std::string("\x0a\x0d\x0d\x0a\0\xff", 6);
  const std::string path = (server.folder() / "c.pcapng").string();
  EXPECT_EQ(output({"capture", path, "--protocol", "udp", "--snap-length", "96"}),
            "6 bytes written to " + path + "\n");
  EXPECT_EQ(content(path), fake.captured);
  EXPECT_EQ(output({"capture", "-"}), fake.captured);
  const auto full = run({"capture", "/dev/full"});
  EXPECT_EQ(full.status, 2);
  EXPECT_EQ(full.err, "vnfctl: cannot write /dev/full: No space left on device\n");
}

TEST_F(Vnfctl, ACaptureThatCannotBeKeptIsNotBegun) {
  const std::string path = (server.folder() / "no" / "c").string();
  const auto finished = run({"capture", path});
  EXPECT_EQ(finished.status, 2);
  EXPECT_EQ(finished.err, "vnfctl: cannot write " + path + ": No such file or directory\n");
  EXPECT_EQ(asked().calls, 0U);
}

TEST_F(Vnfctl, WatchOnAPipeIsPlainText) {
  const std::string text = output({"watch", "-n", "2", "--interval", "100ms"});
  EXPECT_THAT(text, StartsWith("firewall fw-test: live, ready, up 1h02m\n"));
  EXPECT_THAT(text, HasSubstr("\n\nfirewall fw-test"));
  EXPECT_THAT(text, HasSubstr("worker 1   [###############               ]  50%\n"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_EQ(boost::json::parse(output({"watch", "--once", "--interval", "100ms", "--json"}))
                .at("sessions")
                .as_int64(),
            2);
}

TEST_F(Vnfctl, WatchRestoresTheTerminalOnCtrlC) {
  server.start();
  OnTerminal terminal(command({"watch", "--interval", "100ms"}), {"TERM=xterm", "NO_COLOR"});
  ASSERT_TRUE(terminal.read_until("worker 1")) << terminal.output();
  EXPECT_THAT(terminal.output(), StartsWith("\x1b[?1049h"));
  EXPECT_THAT(terminal.output(), HasSubstr("\x1b[32m"));  // colour
  terminal.interrupt();
  EXPECT_EQ(terminal.wait(), 0);
  EXPECT_TRUE(terminal.output().ends_with("\x1b[?7h\x1b[?25h\x1b[?1049l")) << terminal.output();
}

TEST_F(Vnfctl, ColourOnlyWhereItIsWanted) {
  server.start();
  OnTerminal with(command({"health"}), {"TERM=xterm", "NO_COLOR"});
  EXPECT_EQ(with.wait(), 0);
  EXPECT_THAT(with.output(), HasSubstr("\x1b[32mlive"));
  OnTerminal without(command({"health"}), {"TERM=xterm", "NO_COLOR=1"});
  EXPECT_EQ(without.wait(), 0);
  EXPECT_THAT(without.output(), Not(HasSubstr("\x1b")));
  OnTerminal dumb(command({"watch", "--once", "--interval", "100ms"}), {"TERM=dumb", "NO_COLOR"});
  EXPECT_EQ(dumb.wait(), 0);
  EXPECT_THAT(dumb.output(), Not(HasSubstr("\x1b")));
}

TEST_F(Vnfctl, JsonIsJsonForEveryCommand) {
  fake.explanation = {{"verdict", "drop"}};
  fake.listings["services"] = boost::json::parse(R"([{"name": "web", "backends": []}])");
  fake.backends = {{"web", {"10.0.0.13"}}};
  const std::string path = file("fw.yaml", "x");
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"health"},
                                             {"metrics"},
                                             {"sessions"},
                                             {"sessions", "--count"},
                                             {"sessions", "flush", "--all"},
                                             {"rules"},
                                             {"drops"},
                                             {"stages"},
                                             {"services"},
                                             {"services", "--watch", "-n", "1"},
                                             {"backend", "set", "web", "10.0.0.13"},
                                             {"backend", "remove", "web", "10.0.0.13"},
                                             {"workers"},
                                             {"profile", "show"},
                                             {"profile", "check", path},
                                             {"drain", "status"},
                                             {"explain", "192.0.2.7", "192.0.2.8", "icmp"},
                                             {"trace"},
                                             {"capture", path},
                                             {"watch", "--once", "--interval", "100ms"}}) {
    std::vector<std::string> all = arguments;
    all.emplace_back("--json");
    const std::string text = output(all);
    const auto python = run_program({"python3", "-m", "json.tool"}, {}, text);
    if (python.status == 127) GTEST_SKIP() << "python3 is not installed";
    EXPECT_EQ(python.status, 0) << arguments[0] << ": " << text << python.err;
  }
}

TEST_F(Vnfctl, CompletionKnowsTheCommands) {
  EXPECT_THAT(output({"completion", "bash"}),
              AllOf(HasSubstr("\"vnfctl profile apply\""), HasSubstr("flush"), HasSubstr("--timeout"),
                    HasSubstr("\"vnfctl backend set\") words=\"--help --weight --drain --undrain")));
  EXPECT_THAT(output({"completion", "zsh"}), StartsWith("#compdef vnfctl"));
  EXPECT_EQ(run({"completion", "fish"}).status, 2);
}

TEST_F(Vnfctl, WrongUsageIs2) {
  EXPECT_EQ(run({}).status, 2);
  const auto unknown = run({"helth"});
  EXPECT_EQ(unknown.status, 2);
  EXPECT_EQ(unknown.err, "vnfctl: helth is no command; did you mean health?\n");
  EXPECT_EQ(run({"profile", "aply", "x"}).err, "vnfctl: aply is no command; did you mean apply?\n");
  EXPECT_THAT(run({"xyzzy"}).err, HasSubstr("there are health, workers"));
  EXPECT_EQ(run({"profile", "apply", "/proc"}).err, "vnfctl: cannot read '/proc': it is a directory\n");
  EXPECT_EQ(run({"sessions", "--port", "http"}).status, 2);
  EXPECT_EQ(run({"profile", "apply", "/nonexistent/fw.yaml"}).status, 2);
  EXPECT_EQ(run({"--help"}).status, 0);
}

TEST(VnfctlAlone, TellsItsVersion) {
  const auto finished = run_program({MILLRACE_VNFCTL, "--version"});
  EXPECT_EQ(finished.status, 0);
  EXPECT_THAT(finished.out, ::testing::MatchesRegex("vnfctl [0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

TEST(VnfctlAlone, NoApplianceIs3) {
  const auto finished = run_program({MILLRACE_VNFCTL, "--control", "/nonexistent/x.sock", "health"});
  EXPECT_EQ(finished.status, 3);
  EXPECT_THAT(finished.err, StartsWith("vnfctl: /nonexistent/x.sock: "));
  const auto named = run_program({MILLRACE_VNFCTL, "health"}, {"MILLRACE_CONTROL=/nonexistent/y.sock"});
  EXPECT_EQ(named.status, 3);
  EXPECT_THAT(named.err, HasSubstr("/nonexistent/y.sock"));
}

}  // namespace
}  // namespace millrace::test
