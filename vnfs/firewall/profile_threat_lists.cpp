// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/profile_threat_lists.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "common/control/profile/load.h"
#include "vnfs/firewall/inspection/threat_list_files.h"
#include "vnfs/firewall/profile.h"

namespace millrace::firewall::profile {
namespace {

using inspection::ListAction;
using inspection::ListHits;
using inspection::ListKind;
using inspection::ThreatLists;

constexpr std::uint8_t kMildest = 4;  // of severities, as Suricata's priorities go

Result<SipKey> draw_seed() {
  SipKey seed;
  if (::getrandom(seed.data(), sizeof seed, 0) != static_cast<ssize_t>(sizeof seed))
    return failure("draw a random seed", errno_text(errno));
  return seed;
}

}  // namespace

std::shared_ptr<const control::Struct<ThreatList>> threat_list_table() {
  auto table = std::make_shared<control::Struct<ThreatList>>(
      "threat_list", "A list of what is known to be bad, and what becomes of a session that shows it.");
  table->position(&ThreatList::at);
  table->field("type", &ThreatList::kind,
               control::choice<ListKind>(
                   {{"addresses", ListKind::kAddress, "addresses, prefixes and ranges of either end"},
                    {"domains", ListKind::kDomain, "names and all below them: of TLS, HTTP and DNS queries"},
                    {"urls", ListKind::kUrl, "host and path of HTTP requests"},
                    {"ja3", ListKind::kJa3, "JA3 hashes of TLS clients"}}),
               "What it lists. Addresses are looked up for every new session, all else in sessions of rules "
               "with `inspect`.",
               control::kRequired);
  table->field("file", &ThreatList::file, control::string("the path of a file", 4095),
               "Text file with an entry per line, as those who publish lists write them "
               "([threat-lists.md](threat-lists.md)). A relative path starts at the profile's folder.",
               control::kRequired);
  table->field("action", &ThreatList::action,
               control::choice<ListAction>(
                   {{"drop", ListAction::kDrop, "the session is not let through, and what is open ends"},
                    {"alert", ListAction::kAlert, "tell, and let through"},
                    {"reject", ListAction::kReject, "drop, and tell the sender: TCP reset or ICMP error"}}),
               "What becomes of a session that shows an entry.");
  table->field("severity", &ThreatList::severity, control::integer<std::uint8_t>(1, kMildest),
               "How bad that is, for those who read the events; 1 is the worst.");
  return table;
}

// What is still in use somewhere, to be shared; the newest, if that is too much.
ThreatLists ThreatListReader::known() const {
  std::vector<ThreatLists::Member> members;
  for (auto one = read_.rbegin(); one != read_.rend() && members.size() < ListHits::kMostLists; ++one) {
    if (auto list = one->lock()) members.push_back({.name = {}, .list = std::move(list)});
  }
  return {std::move(members), *seed_};
}

Result<ThreatLists::Member> ThreatListReader::read_one(ThreatList& wanted,
                                                       const control::CheckContext& context) {
  auto path = context.resolve(*wanted.file);
  if (!path) return tl::unexpected(std::move(path.error()));
  wanted.path = std::move(*path);
  struct stat status {};
  if (::stat(wanted.path.c_str(), &status) == 0) wanted.modified = status.st_mtime;
  const auto text = control::read_text_file(wanted.path, inspection::kMostListBytes);
  if (!text) {
    return failure(
        fmt::format("{}; give the path of a text file with an entry per line", text.error().message()));
  }
  const ThreatLists before = known();
  auto member = inspection::load_threat_list({.name = *wanted.name,
                                              .kind = *wanted.kind,
                                              .action = static_cast<std::uint8_t>(wanted.action),
                                              .severity = wanted.severity,
                                              .text = *text,
                                              .path = wanted.path},
                                             *seed_, &before);
  const auto is_it = [&](const ThreatLists::Member& one) { return one.list == member->list; };
  if (member && std::ranges::none_of(before.members(), is_it)) read_.push_back(member->list);
  return member;
}

void ThreatListReader::read(Section& section, const control::CheckContext& context) {
  if (section.threat_lists.empty() || section.threat_lists.size() > ListHits::kMostLists) return;
  if (!seed_) {
    auto drawn = draw_seed();
    if (!drawn) return context.diagnostics.error(section.threat_lists[0].at, drawn.error().message());
    seed_ = *drawn;
  }
  std::vector<ThreatLists::Member> members;
  for (ThreatList& wanted : section.threat_lists) {
    if (!wanted.file.at.known() || !wanted.kind.at.known()) continue;  // told already
    auto member = read_one(wanted, context);
    if (member) {
      members.push_back(std::move(*member));
    } else {
      context.diagnostics.error(wanted.file.at, member.error().message());
    }
  }
  std::erase_if(read_, [](const auto& one) { return one.expired(); });
  if (members.size() != section.threat_lists.size()) return;
  section.lists = std::make_shared<const ThreatLists>(std::move(members), *seed_);
}

}  // namespace millrace::firewall::profile
