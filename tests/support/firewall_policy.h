// SPDX-License-Identifier: BSD-3-Clause
// Firewall policies for tests, written as a person would say them and compiled as the appliance does.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "vnfs/firewall/policy.h"

namespace millrace::testing {

// What the policy of a test says. Zones are numbered by their place in `zones`.
struct PolicySpec {
  std::vector<firewall::Rule> rules{};
  std::vector<firewall::AddressSet> sets{};
  firewall::Action otherwise = firewall::Action::kAccept;
  std::vector<std::uint16_t> zone_of{};  // by interface; empty: all in zone 0
  firewall::Timeouts timeouts{};
  flow::TcpSettings tcp{};
  firewall::Protection protection{};
  bool draining = false;
};

// Gives each rule name a slot that it keeps from one policy to the next, as a reload does. Slot 0 is the
// default's.
class PolicyMaker {
 public:
  // `interfaces`: of the network the policy is for.
  [[nodiscard]] std::shared_ptr<const firewall::Policy> make(const PolicySpec& spec, std::size_t interfaces);
  [[nodiscard]] std::uint32_t slot(const std::string& rule_name);

 private:
  std::map<std::string, std::uint32_t> slots_;
  std::uint16_t generation_ = 0;
};

// "tcp/443", "udp/1000-2000", "icmp/8", "icmp/3/4", "sctp/5", "gre" and so on.
[[nodiscard]] firewall::Service service(std::string_view text);

// A rule said in one line: accept("web").to_port(...)
class RuleBuilder {
 public:
  RuleBuilder(std::string name, firewall::Action action);
  RuleBuilder& from(std::uint16_t zone);
  RuleBuilder& to(std::uint16_t zone);
  RuleBuilder& interface(std::uint16_t id);
  RuleBuilder& source(std::string_view prefix);
  RuleBuilder& destination(std::string_view prefix);
  RuleBuilder& not_source(std::string_view prefix);
  RuleBuilder& source_set(std::uint32_t id, bool negated = false);
  RuleBuilder& service(std::string_view text);
  RuleBuilder& source_ports(std::uint16_t first, std::uint16_t last);  // of the service added last
  RuleBuilder& dscp(std::uint8_t value);
  RuleBuilder& tcp_flags(std::uint8_t value, std::uint8_t mask);
  RuleBuilder& application(std::string_view name);  // or "other"
  RuleBuilder& log();
  operator firewall::Rule() const { return rule_; }  // NOLINT(google-explicit-constructor)

 private:
  firewall::Rule rule_;
};

[[nodiscard]] inline RuleBuilder accept(std::string name) {
  return {std::move(name), firewall::Action::kAccept};
}
[[nodiscard]] inline RuleBuilder drop(std::string name) { return {std::move(name), firewall::Action::kDrop}; }
[[nodiscard]] inline RuleBuilder reject(std::string name) {
  return {std::move(name), firewall::Action::kReject};
}

}  // namespace millrace::testing
