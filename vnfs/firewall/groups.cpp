// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>

#include "common/control/profile/text.h"
#include "vnfs/firewall/profile_check.h"
#include "vnfs/firewall/profile_types.h"

namespace millrace::firewall::profile {
namespace {

using control::quote;

constexpr std::size_t kMostFileBytes = 128U << 20U;  // a million IPv6 prefixes with comments
constexpr std::size_t kMostDepth = 16;               // of groups within groups
constexpr std::size_t kMostInAll = 4 * kMostPrefixes;

// Lines may hold bytes that are no text; messages may not.
std::string printable(std::string_view text) {
  std::string out(text);
  std::ranges::replace_if(
      out, [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '?');
  return out;
}

void read_lines(std::string_view text, const std::string& path, std::vector<net::Prefix>& out,
                control::Diagnostics& diagnostics) {
  constexpr std::string_view kBlank = " \t\r";
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  std::uint32_t line_number = 0;
  while (!text.empty()) {
    ++line_number;
    const auto newline = text.find('\n');
    std::string_view line = text.substr(0, newline);
    text.remove_prefix(newline == std::string_view::npos ? text.size() : newline + 1);
    line = line.substr(0, line.find('#'));
    const auto first = line.find_first_not_of(kBlank);
    if (first == std::string_view::npos) continue;
    line = line.substr(first, line.find_last_not_of(kBlank) - first + 1);
    std::string wrong;
    if (!control::parse_addresses(line, out, wrong)) {
      diagnostics.error(
          path, {line_number, static_cast<std::uint32_t>(first) + 1},
          fmt::format("{} {}; give one address, prefix or range per line", quote(printable(line)), wrong));
    }
    if (out.size() > kMostPrefixes) {
      diagnostics.error(path, {line_number, 1},
                        fmt::format("more than {} prefixes; that is the most a group holds", kMostPrefixes));
      return;
    }
  }
}

class Filler {
 public:
  Filler(std::vector<Group>& groups, const control::CheckContext& context) : context_(context) {
    for (Group& group : groups) {
      names_.push_back(*group.name);
      states_.emplace(*group.name, State{&group});
    }
  }

  void run() {
    for (const std::string& name : names_) fill(states_.at(name));
  }

 private:
  struct State {
    Group* group;
    enum class Progress : std::uint8_t { kNot, kUnderway, kDone } progress = Progress::kNot;
  };

  void error(Position at, std::string message) { context_.diagnostics.error(at, std::move(message)); }

  void fill(State& state) {
    if (state.progress != State::Progress::kNot) return;
    state.progress = State::Progress::kUnderway;
    ++depth_;
    Group& group = *state.group;
    for (const auto& [entry, at] : group.written) {
      if (!entry.group.empty()) {
        add_group(entry.group, at, group);
      } else if (entry.file) {
        add_file(*entry.file, group);
      } else if (entry.geoip) {
        if (const auto path = resolve(entry.geoip->database)) {
          read_geoip(*entry.geoip, *path, group.prefixes, context_.diagnostics);
        }
      } else {
        group.prefixes.insert(group.prefixes.end(), entry.prefixes.begin(), entry.prefixes.end());
      }
      if (group.prefixes.size() > kMostPrefixes) tidy(group.prefixes);
      if (group.prefixes.size() > kMostPrefixes || in_all_ + group.prefixes.size() > kMostInAll) {
        error(at,
              fmt::format("group {} has more than {} prefixes, or all groups together more than {}; make it "
                          "smaller",
                          quote(*group.name), kMostPrefixes, kMostInAll));
        group.prefixes.clear();
        break;
      }
    }
    tidy(group.prefixes);
    in_all_ += group.prefixes.size();
    --depth_;
    state.progress = State::Progress::kDone;
  }

  void add_group(const std::string& name, Position at, Group& into) {
    const auto found = states_.find(name);
    if (found == states_.end()) return error(at, control::undefined("group", name, names_));
    State& other = found->second;
    if (other.progress == State::Progress::kUnderway) {
      return error(at, fmt::format("group {} contains itself by way of {}; remove one of the references",
                                   quote(name), quote(*into.name)));
    }
    if (depth_ >= kMostDepth) {
      return error(
          at, fmt::format("group {} lies more than {} deep in other groups; name its addresses more directly",
                          quote(name), kMostDepth));
    }
    fill(other);
    into.prefixes.insert(into.prefixes.end(), other.group->prefixes.begin(), other.group->prefixes.end());
  }

  std::optional<std::string> resolve(const Located<std::string>& named) {
    auto path = context_.resolve(*named);
    if (path) return std::move(*path);
    error(named.at, path.error().message());
    return std::nullopt;
  }

  void add_file(const Located<std::string>& named, Group& into) {
    const auto path = resolve(named);
    if (!path) return;
    const auto text = control::read_text_file(*path, kMostFileBytes);
    if (!text) {
      return error(named.at,
                   fmt::format("{}; give the path of a text file with one address or prefix per line",
                               text.error().message()));
    }
    read_lines(*text, *path, into.prefixes, context_.diagnostics);
  }

  static void tidy(std::vector<net::Prefix>& prefixes) {
    std::ranges::sort(prefixes, [](const net::Prefix& a, const net::Prefix& b) {
      if (a.address.family() != b.address.family()) return a.address.is_v4();
      return a < b;
    });
    // A prefix stands just before all that lies within it.
    std::size_t kept = 0;
    for (const net::Prefix& prefix : prefixes) {
      if (kept == 0 || !prefixes[kept - 1].contains(prefix)) prefixes[kept++] = prefix;
    }
    prefixes.resize(kept);
    prefixes.shrink_to_fit();
  }

  const control::CheckContext& context_;
  std::size_t depth_ = 0;
  std::size_t in_all_ = 0;  // prefixes of the groups that are done
  std::vector<std::string> names_;
  std::unordered_map<std::string_view, State> states_;  // keys lie in the groups
};

}  // namespace

void fill_groups(std::vector<Group>& groups, const control::CheckContext& context) {
  Filler(groups, context).run();
}

}  // namespace millrace::firewall::profile
