// SPDX-License-Identifier: BSD-3-Clause
// The `firewall:` section of the profile, as plain values with the places later checks point at. What each
// key means stands in the table in profile_schema.cpp and in docs/profile.firewall.md. Names are still names
// here; the policy is compiled from this.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/control/profile/diagnostics.h"
#include "common/control/profile/load.h"
#include "common/control/profile/profile.h"
#include "common/control/profile/types.h"
#include "common/control/profile/units.h"
#include "common/net/address.h"
#include "vnfs/firewall/profile_anomalies.h"
#include "vnfs/firewall/profile_application.h"
#include "vnfs/firewall/profile_inspection.h"
#include "vnfs/firewall/profile_threat_lists.h"

namespace millrace::firewall::profile {

using control::Located;
using control::Milliseconds;
using control::PortRange;
using control::Position;
using control::Rate;
using control::Service;

enum class Action : std::uint8_t { kDrop, kAccept, kReject };
enum class ReversePath : std::uint8_t { kOff, kLoose, kStrict };

struct Zone {
  Located<std::string> name;
  std::vector<Located<std::string>> interfaces;  // each exists, and is in this zone only
};

struct GeoIp {
  Located<std::string> database;                // a MaxMind DB file with country.iso_code
  std::vector<Located<std::string>> countries;  // ISO 3166-1 alpha-2
};

// One entry of a group as written: exactly one of these is set.
struct GroupEntry {
  std::vector<net::Prefix> prefixes;
  std::string group;
  std::optional<Located<std::string>> file;
  std::optional<GeoIp> geoip;
};

struct Group {
  Located<std::string> name;
  std::vector<Located<GroupEntry>> written;
  // All of the above put together: IPv4 before IPv6, sorted, and none within another.
  std::vector<net::Prefix> prefixes;
};

// "syn/syn,ack,rst,fin": of the flags in `mask`, exactly those in `set` are on. Bits as in the TCP header.
struct TcpFlags {
  std::uint8_t set = 0;
  std::uint8_t mask = 0;

  constexpr bool operator==(const TcpFlags&) const noexcept = default;
};

// A token bucket over the new sessions a rule accepts.
struct Limit {
  Rate rate;
  std::optional<std::uint64_t> burst;  // empty: what the rate gives in one second, at least 1
};

struct Schedule {
  Located<std::string> name;
  std::uint8_t days = 0x7f;           // bit 0 is Monday
  std::uint16_t from_minute = 0;      // of the day
  std::uint16_t to_minute = 24 * 60;  // excluded; when not after from_minute, it is the next day's
  bool local_time = false;            // else UTC
};

// Matches when every criterion does. A list is empty where the profile gives none: no criterion.
struct Rule {
  Position at;
  Located<std::string> name;
  std::vector<Located<std::string>> from;       // zones
  std::vector<Located<std::string>> to;         // zones
  std::vector<Located<std::string>> interface;  // of arrival
  AddressTerms source;
  AddressTerms destination;
  std::vector<Located<Service>> service;
  std::vector<PortRange> source_port;
  std::vector<std::uint8_t> dscp;  // 0..63
  Located<std::optional<TcpFlags>> tcp_flags;
  std::vector<Located<std::string>> application;  // names; each is known, or "other"
  Located<std::optional<std::string>> schedule;
  Action action = Action::kDrop;
  bool log = false;
  Located<std::optional<std::string>> inspect;  // the name of an inspection
  std::optional<Limit> limit;
  std::optional<std::uint64_t> max_sessions;
  std::optional<std::uint64_t> max_sessions_per_source;
  std::optional<Rate> new_sessions_per_source;
};

struct SynCookies {
  Rate above;  // half-open connections started, of the whole appliance
};

struct Protect {
  std::optional<SynCookies> syn_cookies;
  std::optional<Rate> new_sessions_per_source;
  std::optional<std::uint64_t> sessions_per_source;
  Located<ReversePath> reverse_path{.value = ReversePath::kLoose,
                                    .at = {}};  // kOff in transparent forwarding
};

// Idle times after which a session ends.
struct Timeouts {
  Milliseconds tcp_established{3'600'000};
  Milliseconds tcp_transitory{240'000};  // RFC 5382 REQ-5: not below 4 minutes for a NAT
  Milliseconds tcp_embryonic{30'000};
  Milliseconds udp{120'000};  // once both sides have spoken
  Milliseconds udp_unreplied{30'000};
  Milliseconds icmp{30'000};
  Milliseconds sctp_established{3'600'000};
  Milliseconds sctp_transitory{60'000};
  Milliseconds other{600'000};
};

struct Tcp {
  bool midstream_pickup = false;
  bool liberal_window = false;
};

struct Section {
  std::vector<Zone> zones;
  std::vector<Group> groups;
  std::vector<Schedule> schedules;
  Action default_action = Action::kDrop;
  std::vector<Rule> rules;  // first match wins
  std::vector<Inspection> inspections;
  InspectionLimits inspection_limits;
  std::vector<ThreatList> threat_lists;
  // What their files hold, in their order. Null when there are none, or nobody has read them.
  std::shared_ptr<const inspection::ThreatLists> lists;
  ApplicationLimits application_limits;
  std::optional<EventLog> events;
  std::optional<Anomalies> anomalies;  // empty: nobody is watched
  Protect protect;
  Timeouts timeouts;
  Tcp tcp;

  // Null when there is none of that name.
  [[nodiscard]] const Zone* zone(std::string_view wanted) const noexcept;
  [[nodiscard]] const Group* group(std::string_view wanted) const noexcept;
  [[nodiscard]] const Schedule* schedule(std::string_view wanted) const noexcept;
  [[nodiscard]] const Inspection* inspection(std::string_view wanted) const noexcept;
  // Whether some rule does.
  [[nodiscard]] bool asks_applications() const noexcept;
};

// The whole file: `common` and `own`.
using Whole = control::Loaded<Section>;

// How the firewall's section is written and checked; for control::parse_profile, control::load_profile and
// the generators of docs.
[[nodiscard]] const control::ProfileSchema<Section>& schema();
// The same, and the files of threat lists are read, by a reader that lives as long.
[[nodiscard]] control::ProfileSchema<Section> schema(ThreatListReader& reader);

}  // namespace millrace::firewall::profile
