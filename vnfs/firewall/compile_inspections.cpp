// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/compile_inspections.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "common/acceleration/dpi/database_cache.h"
#include "vnfs/firewall/inspection/signature_file.h"

namespace millrace::firewall {
namespace {

using inspection::AddressSpec;
using inspection::Inspection;
using inspection::InspectionReport;
using inspection::PortSpec;
using inspection::SignatureVariables;

// Sets of signatures that no profile of late has named are forgotten.
constexpr std::uint64_t kKeptFor = 4;
// Events that were not read yet may be about one that is not in force any more.
constexpr std::size_t kNamesKept = 32;

AddressSpec address_spec(const profile::AddressTerms& terms, const profile::Section& profile) {
  AddressSpec spec;
  for (const auto& term : terms) {
    const profile::Group* group = term->group.empty() ? nullptr : profile.group(term->group);
    const std::vector<net::Prefix>& prefixes = group != nullptr ? group->prefixes : term->prefixes;
    std::vector<net::Prefix>& to = term->negated ? spec.except : spec.within;
    to.insert(to.end(), prefixes.begin(), prefixes.end());
  }
  return spec;
}

PortSpec port_spec(std::vector<profile::PortRange> ranges) {
  std::ranges::sort(ranges, {}, &profile::PortRange::first);
  PortSpec spec;
  for (const profile::PortRange& range : ranges) {
    if (!spec.empty() && range.first <= spec.back().last + 1U) {
      spec.back().last = std::max(spec.back().last, range.last);
    } else {
      spec.push_back({range.first, range.last});
    }
  }
  return spec;
}

SignatureVariables variables_of(const profile::Inspection& wanted, const profile::Section& profile) {
  const auto home = std::ranges::find_if(
      wanted.addresses, [](const profile::AddressVariable& one) { return *one.name == "HOME_NET"; });
  SignatureVariables variables = inspection::default_variables(
      home == wanted.addresses.end() ? inspection::private_addresses() : address_spec(home->terms, profile));
  for (const profile::AddressVariable& one : wanted.addresses)
    variables.addresses[*one.name] = address_spec(one.terms, profile);
  for (const profile::PortVariable& one : wanted.ports) variables.ports[*one.name] = port_spec(one.ports);
  return variables;
}

// All that a set is made of, in one text.
std::string recipe_of(const profile::Inspection& wanted, const SignatureVariables& variables) {
  std::string recipe;
  const auto add = [&](std::string_view part) { recipe += fmt::format("{}:{}\n", part.size(), part); };
  for (const profile::SignatureText& text : wanted.texts) {
    add(text.path);
    add(*text.text);
  }
  for (const auto& [name, spec] : variables.addresses) {
    add(name);
    for (const net::Prefix& prefix : spec.within) add(prefix.to_string());
    for (const net::Prefix& prefix : spec.except) add("!" + prefix.to_string());
  }
  for (const auto& [name, spec] : variables.ports) {
    add(name);
    for (const inspection::Ports& ports : spec) add(fmt::format("{}-{}", ports.first, ports.last));
  }
  for (const std::uint32_t id : wanted.disable) add(std::to_string(id));
  return recipe;
}

}  // namespace

Result<std::shared_ptr<InspectionCompiler::Known>> InspectionCompiler::make(const profile::Inspection& wanted,
                                                                            const profile::Section& profile) {
  auto report = std::make_shared<InspectionReport>();
  const SignatureVariables variables = variables_of(wanted, profile);
  std::vector<inspection::Signature> signatures;
  std::vector<std::string> places;
  for (const profile::SignatureText& text : wanted.texts) {
    inspection::SignatureFile file = inspection::read_signatures(*text.text, variables);
    for (const inspection::Skipped& skipped : file.skipped) {
      report->skipped.push_back({.where = fmt::format("{}:{}", text.path, skipped.line),
                                 .id = skipped.sid,
                                 .reason = skipped.keyword.empty()
                                               ? skipped.reason
                                               : fmt::format("{}: {}", skipped.keyword, skipped.reason)});
    }
    for (inspection::Signature& signature : file.signatures) {
      if (std::ranges::find(wanted.disable, signature.id) != wanted.disable.end()) {
        ++report->disabled;
        continue;
      }
      places.push_back(fmt::format("{}:{}", text.path, signature.line));
      signatures.push_back(std::move(signature));
    }
  }
  std::vector<std::uint32_t> ids;
  ids.reserve(signatures.size());
  for (const inspection::Signature& signature : signatures) ids.push_back(signature.id);
  std::optional<dpi::DatabaseCache> cache;
  if (profile.inspection_limits.cache) cache.emplace(*profile.inspection_limits.cache);
  auto compiled =
      inspection::compile_signatures(std::move(signatures), flow_bits_, cache ? &*cache : nullptr);
  if (!compiled) return tl::unexpected(std::move(compiled.error()));
  for (const auto& left_out : compiled->left_out)
    report->skipped.push_back(
        {.where = places[left_out.signature], .id = ids[left_out.signature], .reason = left_out.reason});
  report->signatures = compiled->report.signatures;
  report->patterns = compiled->report.patterns;
  report->memory_bytes = compiled->report.database_bytes;
  report->not_cached = compiled->report.not_cached;
  auto known = std::make_shared<Known>();
  known->set = std::move(compiled->set);
  known->report = std::move(report);
  return known;
}

Result<std::shared_ptr<InspectionCompiler::Known>> InspectionCompiler::find_or_make(
    const profile::Inspection& wanted, const profile::Section& profile) {
  const std::string recipe = recipe_of(wanted, variables_of(wanted, profile));
  std::shared_ptr<Known>& known = known_[recipe];
  if (known == nullptr) {
    auto made = make(wanted, profile);
    if (!made) {
      made.error().where = *wanted.name;
      return tl::unexpected(std::move(made.error()));
    }
    known = std::move(*made);
  }
  known->used = calls_;
  return known;
}

std::uint32_t InspectionCompiler::serial_of(const std::string& name,
                                            const std::shared_ptr<const inspection::SignatureSet>& set) {
  const std::lock_guard lock(mutex_);
  for (const auto& [serial, names] : names_) {
    if (names.name == name && names.set == set) return serial;
  }
  names_[++last_serial_] = {.name = name, .set = set};
  while (names_.size() > kNamesKept) names_.erase(names_.begin());
  return last_serial_;
}

std::optional<inspection::InspectionNames> InspectionCompiler::names(std::uint32_t serial) const {
  const std::lock_guard lock(mutex_);
  const auto found = names_.find(serial);
  return found == names_.end() ? std::nullopt : std::optional(found->second);
}

Result<InspectionCompiler::Compiled> InspectionCompiler::compile(const profile::Section& profile,
                                                                 unsigned workers) {
  ++calls_;
  Compiled compiled;
  for (const profile::Inspection& wanted : profile.inspections) {
    auto known = find_or_make(wanted, profile);
    if (!known) return tl::unexpected(std::move(known.error()));
    auto& matchers = (*known)->matchers;
    while (matchers.size() < workers) {
      auto matcher = inspection::Matcher::make((*known)->set);
      if (!matcher) return tl::unexpected(std::move(matcher.error()));
      matchers.emplace_back(std::move(*matcher));
    }
    auto made = std::make_shared<Inspection>();
    made->name = *wanted.name;
    made->set = (*known)->set;
    made->serial = serial_of(*wanted.name, made->set);
    made->matchers = matchers;
    made->report = (*known)->report;
    made->streams.inspect_bytes = static_cast<std::uint32_t>(wanted.inspect_bytes);
    made->streams.on_conflict = wanted.conflicts == profile::Conflicts::kRewrite
                                    ? inspection::OnConflict::kRewrite
                                    : inspection::OnConflict::kDrop;
    made->on_match = static_cast<inspection::OnMatch>(wanted.on_match);
    made->copied_packets = static_cast<std::uint16_t>(*wanted.capture_packets);
    made->drop_when_overloaded = wanted.when_overloaded == profile::WhenOverloaded::kDrop;
    made->sampled = wanted.when_overloaded == profile::WhenOverloaded::kSample
                        ? static_cast<std::uint32_t>(wanted.sample)
                        : 0;
    const InspectionReport& report = *made->report;
    if (!report.skipped.empty()) {
      compiled.notes.push_back(
          fmt::format("inspection {}: {} signatures, {} skipped, the first one at {}: {}", *wanted.name,
                      report.signatures, report.skipped.size(), report.skipped.front().where,
                      report.skipped.front().reason));
    }
    compiled.inspections.push_back(std::move(made));
  }
  std::erase_if(known_, [&](const auto& one) { return one.second->used + kKeptFor < calls_; });
  return compiled;
}

}  // namespace millrace::firewall
