// SPDX-License-Identifier: BSD-3-Clause
// Walks a MaxMind DB, which libmaxminddb itself only looks single addresses up in. Format:
// https://maxmind.github.io/MaxMind-DB/, version 2.0.
#include <algorithm>
#include <filesystem>
#include <unordered_map>

#include <fmt/format.h>
#include <maxminddb.h>

#include "common/control/profile/text.h"
#include "vnfs/firewall/profile_check.h"
#include "vnfs/firewall/profile_types.h"

namespace millrace::firewall::profile {
namespace {

using control::quote;

struct Database {
  MMDB_s handle{};
  bool open = false;
  ~Database() {
    if (open) MMDB_close(&handle);
  }
};

class Walk {
 public:
  Walk(const MMDB_s& database, const GeoIp& geoip, std::vector<net::Prefix>& out)
      : database_(database), geoip_(geoip), found_(geoip.countries.size()), out_(out) {}

  // False when the tree is not one.
  bool run() {
    struct Step {
      std::uint32_t node;
      std::array<std::uint8_t, 16> bits;
      unsigned depth;
    };
    const unsigned bits = database_.metadata.ip_version == 4 ? 32 : 128;
    std::vector<Step> steps{{0, {}, 0}};
    std::uint64_t visits = 0;
    while (!steps.empty()) {
      const Step step = steps.back();
      steps.pop_back();
      // In a tree each node is met once; the IPv4 part may be met again from its aliases.
      if (++visits > 8ULL * database_.metadata.node_count + 8 || step.depth >= bits) return false;
      MMDB_search_node_s node{};
      if (MMDB_read_node(&database_, step.node, &node) != MMDB_SUCCESS) return false;
      for (unsigned side = 0; side < 2; ++side) {
        Step next{static_cast<std::uint32_t>(side == 0 ? node.left_record : node.right_record), step.bits,
                  step.depth + 1};
        if (side == 1) {
          next.bits[step.depth / 8] =
              static_cast<std::uint8_t>(next.bits[step.depth / 8] | (0x80U >> (step.depth % 8)));
        }
        const auto type = side == 0 ? node.left_record_type : node.right_record_type;
        if (type == MMDB_RECORD_TYPE_SEARCH_NODE) {
          // ::ffff:0:0/96, 2001::/32 and 2002::/16 may lead to the IPv4 part again: those are no networks of
          // a country.
          const bool v4_root = bits == 128 && next.node == database_.ipv4_start_node.node_value;
          if (!v4_root || next.bits == std::array<std::uint8_t, 16>{}) steps.push_back(next);
        } else if (type == MMDB_RECORD_TYPE_DATA) {
          MMDB_entry_s entry = side == 0 ? node.left_record_entry : node.right_record_entry;
          if (wanted(entry)) add(next.bits, next.depth, bits);
          if (out_.size() > kMostPrefixes) return true;  // the group says that it is too large
        } else if (type != MMDB_RECORD_TYPE_EMPTY) {
          return false;
        }
      }
    }
    return true;
  }

  [[nodiscard]] bool found(std::size_t country) const { return found_[country]; }

 private:
  bool wanted(MMDB_entry_s& entry) {
    const auto [known, added] = wanted_.emplace(entry.offset, false);
    if (!added) return known->second;
    MMDB_entry_data_s code{};
    if (MMDB_get_value(&entry, &code, "country", "iso_code", nullptr) != MMDB_SUCCESS || !code.has_data ||
        code.type != MMDB_DATA_TYPE_UTF8_STRING) {
      return false;
    }
    const std::string_view text(code.utf8_string, code.data_size);
    for (std::size_t i = 0; i < geoip_.countries.size(); ++i) {
      if (*geoip_.countries[i] != text) continue;
      found_[i] = true;
      known->second = true;
    }
    return known->second;
  }

  // IPv4 lies in ::/96 of an IPv6 tree.
  void add(const std::array<std::uint8_t, 16>& address, unsigned length, unsigned bits) {
    const bool v4_in_v6 =
        bits == 128 && length >= 96 &&
        std::all_of(address.begin(), address.begin() + 12, [](std::uint8_t b) { return b == 0; });
    if (bits == 128 && !v4_in_v6) {
      out_.push_back(net::Prefix::of(net::Ipv6Address{address}, length));
      return;
    }
    const std::size_t at = v4_in_v6 ? 12 : 0;
    const std::uint32_t value = (std::uint32_t{address[at]} << 24U) |
                                (std::uint32_t{address[at + 1]} << 16U) |
                                (std::uint32_t{address[at + 2]} << 8U) | std::uint32_t{address[at + 3]};
    out_.push_back(net::Prefix::of(net::Ipv4Address{be32(value)}, length - (v4_in_v6 ? 96 : 0)));
  }

  const MMDB_s& database_;
  const GeoIp& geoip_;
  std::vector<bool> found_;
  std::vector<net::Prefix>& out_;
  std::unordered_map<std::uint32_t, bool> wanted_;  // by offset of the record, which many networks share
};

}  // namespace

void read_geoip(const GeoIp& geoip, const std::string& path, std::vector<net::Prefix>& out,
                control::Diagnostics& diagnostics) {
  if (!geoip.database.at.known()) return;
  const auto unreadable = [&](std::string_view why) {
    diagnostics.error(
        geoip.database.at,
        fmt::format("{}: {}; give the path of a MaxMind DB file with countries", quote(path), why));
  };
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return unreadable("it is not a file");
  Database database;
  const int status = MMDB_open(path.c_str(), MMDB_MODE_MMAP, &database.handle);
  if (status != MMDB_SUCCESS) return unreadable(MMDB_strerror(status));
  database.open = true;
  Walk walk(database.handle, geoip, out);
  if (!walk.run()) return unreadable("it is damaged");
  for (std::size_t i = 0; i < geoip.countries.size() && out.size() <= kMostPrefixes; ++i) {
    if (walk.found(i)) continue;
    diagnostics.error(geoip.countries[i].at,
                      fmt::format("country {} has no network in {}; give another ISO 3166 code",
                                  quote(*geoip.countries[i]), quote(path)));
  }
}

}  // namespace millrace::firewall::profile
