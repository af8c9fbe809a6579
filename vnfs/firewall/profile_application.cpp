// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/profile_application.h"

namespace millrace::firewall::profile {

using control::choice;
using control::count;
using control::Struct;

bool is_application(std::string_view name) {
  return name == kOtherName || dpi::application_named(name).has_value();
}

std::span<const std::string> all_application_names() {
  static const std::vector<std::string> kNames = [] {
    const auto known = dpi::application_names();
    std::vector<std::string> names(known.begin(), known.end());
    names.emplace_back(kOtherName);
    return names;
  }();
  return kNames;
}

control::TypePtr<std::vector<Located<std::string>>> application_names() {
  return control::list_not_empty<Located<std::string>>(control::name("an application's name, or other", 63));
}

std::shared_ptr<const Struct<ApplicationLimits>> application_limits_table() {
  auto table = std::make_shared<Struct<ApplicationLimits>>(
      "application_limits", "What finding out the application of sessions may take.");
  table->field("sessions", &ApplicationLimits::sessions, count(64, 200'000),
               "Sessions that have begun to speak and whose application is not known yet, at a time.");
  table->field("memory", &ApplicationLimits::memory,
               control::size(std::uint64_t{1} << 20, std::uint64_t{16} << 30),
               "For what is kept of what they said, shared out among the workers.");
  table->field("packets", &ApplicationLimits::packets, count(1, 32),
               "Packets with content of a session that are looked at; then it is `other`.");
  table->field("when_overloaded", &ApplicationLimits::when_overloaded,
               choice<WhenNoRoom>({{"drop", WhenNoRoom::kDrop, "drop its packets until there is room again"},
                                   {"other", WhenNoRoom::kOther, "it is `other`, for good"}}),
               "What happens to a session for which there is no room to find its application out.");
  return table;
}

}  // namespace millrace::firewall::profile
