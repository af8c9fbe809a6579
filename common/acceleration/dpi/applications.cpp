// SPDX-License-Identifier: BSD-3-Clause
#include "common/acceleration/dpi/applications.h"

#include <algorithm>
#include <stdexcept>
#include <unordered_map>
#include <vector>

#include <ndpi_api.h>

#include "common/acceleration/dpi/ndpi_library.h"

namespace millrace::dpi {
namespace {

// nDPI writes FTP_CONTROL, Sina(Weibo), Z39.50.
std::string written_by_people(std::string_view name) {
  std::string text;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 'A' && byte <= 'Z')
      text += static_cast<char>(c - 'A' + 'a');
    else if ((byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9'))
      text += c;
    else if (!text.empty() && text.back() != '_')
      text += '_';
  }
  while (text.ends_with('_')) text.pop_back();
  return text;
}

bool is_named(std::uint16_t id) {
  // The first is unknown's, the second nobody's, the third not looked for (ndpi_library.cpp).
  return id != NDPI_PROTOCOL_UNKNOWN && id != NDPI_PROTOCOL_FREE_64 && id != NDPI_PROTOCOL_TINC;
}

struct Names {
  Names() {
    const auto module = ndpi::make_module();
    if (!module) throw std::runtime_error(module.error().message());
    const unsigned count = ndpi_get_num_supported_protocols(module->get());
    by_id.resize(count);
    for (std::uint16_t id = 0; id < count; ++id) {
      if (!is_named(id)) continue;
      by_id[id] = written_by_people(ndpi_get_proto_name(module->get(), id));
      by_name.emplace(by_id[id], ApplicationId{id});
    }
    for (const auto& [name, id] : by_name) sorted.push_back(name);
    std::ranges::sort(sorted);
    by_name.emplace("ftp", ApplicationId{NDPI_PROTOCOL_FTP_CONTROL});
  }

  std::vector<std::string> by_id;
  std::vector<std::string> sorted;
  std::unordered_map<std::string, ApplicationId> by_name;
};

const Names& all_names() {
  static const Names kMade;
  return kMade;
}

}  // namespace

std::string_view application_name(ApplicationId id) {
  const auto& names = all_names().by_id;
  const auto number = static_cast<std::size_t>(id);
  return number < names.size() && !names[number].empty() ? std::string_view(names[number]) : "unknown";
}

std::string application_text(Application found) {
  std::string text(application_name(found.protocol));
  if (found.service != ApplicationId::kUnknown) text.append("/").append(application_name(found.service));
  return text;
}

std::optional<ApplicationId> application_named(std::string_view name) {
  std::string key(name);
  for (char& c : key) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c == '-') c = '_';
  }
  const auto found = all_names().by_name.find(key);
  if (found == all_names().by_name.end()) return std::nullopt;
  return found->second;
}

std::span<const std::string> application_names() { return all_names().sorted; }

}  // namespace millrace::dpi
