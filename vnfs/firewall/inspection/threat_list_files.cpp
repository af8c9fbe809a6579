// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/threat_list_files.h"

#include <algorithm>
#include <new>

#include <fmt/format.h>

#include "common/control/profile/text.h"
#include "vnfs/firewall/inspection/threat_list_lines.h"

namespace millrace::firewall::inspection {
namespace {

// From the first line to the last, each with its number, without what ends it: LF, or CR and LF.
template <class Take>
void each_line(std::string_view text, Take&& take) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  for (std::uint32_t number = 1; !text.empty(); ++number) {
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    take(number, line.ends_with('\r') ? line.substr(0, end - 1) : line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

template <class List>
void add_all(std::string_view text, auto& line_reader, List& list) {
  each_line(text, [&](std::uint32_t, std::string_view line) {
    if (!line_reader.read(line).empty()) return;
    for (const auto& entry : line_reader.entries()) list.add(entry);
  });
  if constexpr (requires { list.seal(); }) list.seal();
}

// Reads the text twice, so that the list is made with the room that it takes and grows no more.
template <class Line>
void fill(ThreatList& made, std::string_view text, const SipKey& seed, std::size_t& entries) {
  using List = typename Line::List;
  typename List::Room room;
  Line line_reader;
  each_line(text, [&](std::uint32_t number, std::string_view line) {
    if (const std::string_view wrong = line_reader.read(line); !wrong.empty()) {
      if (++made.bad_lines <= kMostToldLines)
        made.told.push_back({number, fmt::format("{} {}", control::quote(line), wrong)});
      return;
    }
    for (const auto& entry : line_reader.entries()) room.add(entry);
    entries += line_reader.entries().size();
  });
  if (entries > kMostListEntries) return;
  List list(room, seed);
  add_all(text, line_reader, list);
  made.entries = std::move(list);
}

std::size_t fill(ThreatList& made, const ThreatListFile& file, const SipKey& seed) {
  std::size_t entries = 0;
  switch (file.kind) {
    case ListKind::kAddress:
      fill<AddressLine>(made, file.text, seed, entries);
      break;
    case ListKind::kDomain:
      fill<DomainLine>(made, file.text, seed, entries);
      break;
    case ListKind::kUrl:
      fill<UrlLine>(made, file.text, seed, entries);
      break;
    case ListKind::kJa3:
      fill<Ja3Line>(made, file.text, seed, entries);
      break;
  }
  return entries;
}

std::shared_ptr<const ThreatList> known(const ThreatListFile& file, std::uint64_t text_hash,
                                        std::span<const ThreatLists::Member> members) {
  const auto found = std::ranges::find_if(members, [&](const ThreatLists::Member& member) {
    return member.list->kind() == file.kind && member.list->text_hash == text_hash &&
           member.list->text_bytes == file.text.size();
  });
  return found == members.end() ? nullptr : found->list;
}

Result<std::shared_ptr<const ThreatList>> make(const ThreatListFile& file, std::uint64_t text_hash,
                                               const SipKey& seed) {
  const std::string attempt = fmt::format("load list {}", control::quote(file.name));
  auto made = std::make_shared<ThreatList>();
  made->text_hash = text_hash;
  made->text_bytes = file.text.size();
  try {
    const std::size_t entries = fill(*made, file, seed);
    if (entries > kMostListEntries) {
      return failure(
          attempt, fmt::format("{} entries, and a list has at most {}; divide it", entries, kMostListEntries),
          file.path);
    }
    if (entries == 0 && made->bad_lines != 0) {
      return failure(
          attempt, fmt::format("none of its lines is good; the first that is not: {}", made->told[0].reason),
          fmt::format("{}:{}", file.path, made->told[0].line));
    }
  } catch (const std::bad_alloc&) {
    return failure(attempt, "not enough memory; make it smaller, or give the appliance more", file.path);
  }
  return made;
}

Result<ThreatLists::Member> load(const ThreatListFile& file, const SipKey& seed,
                                 std::span<const ThreatLists::Member> before,
                                 std::span<const ThreatLists::Member> beside) {
  if (file.text.size() > kMostListBytes) {
    return failure(
        fmt::format("load list {}", control::quote(file.name)),
        fmt::format("{} bytes, and a list has at most {}; divide it", file.text.size(), kMostListBytes),
        file.path);
  }
  ThreatLists::Member member{
      .name = file.name, .action = file.action, .severity = file.severity, .list = nullptr};
  const std::uint64_t text_hash = siphash(bytes_of(file.text), seed);
  member.list = known(file, text_hash, before);
  if (member.list == nullptr) member.list = known(file, text_hash, beside);
  if (member.list != nullptr) return member;
  auto made = make(file, text_hash, seed);
  if (!made) return tl::unexpected(std::move(made.error()));
  member.list = std::move(*made);
  return member;
}

std::span<const ThreatLists::Member> to_share(const ThreatLists* before, const SipKey& seed) {
  if (before == nullptr || before->seed() != seed) return {};
  return before->members();
}

}  // namespace

Result<ThreatLists::Member> load_threat_list(const ThreatListFile& file, const SipKey& seed,
                                             const ThreatLists* before) {
  return load(file, seed, to_share(before, seed), {});
}

Result<ThreatLists> load_threat_lists(std::span<const ThreatListFile> files, const SipKey& seed,
                                      const ThreatLists* before) {
  if (files.size() > ListHits::kMostLists) {
    return failure("load lists",
                   fmt::format("there are {}, and at most {} are possible; put some into one file",
                               files.size(), ListHits::kMostLists));
  }
  std::vector<ThreatLists::Member> members;
  for (const ThreatListFile& file : files) {
    auto member = load(file, seed, to_share(before, seed), members);
    if (!member) return tl::unexpected(std::move(member.error()));
    members.push_back(std::move(*member));
  }
  return ThreatLists(std::move(members), seed);
}

std::vector<std::string> warnings_of(const ThreatList& list, std::string_view path) {
  std::vector<std::string> warnings;
  for (const BadLine& bad : list.told)
    warnings.push_back(fmt::format("{}:{}: {}", path, bad.line, bad.reason));
  if (list.bad_lines > list.told.size())
    warnings.push_back(
        fmt::format("{}: {} more lines that are not read", path, list.bad_lines - list.told.size()));
  return warnings;
}

}  // namespace millrace::firewall::inspection
