// SPDX-License-Identifier: BSD-3-Clause
// The whole firewall on two workers, with all that looks into sessions: signatures over streams, messages,
// datagrams and single segments, threat lists, rules by application, anomalies. See pipeline_play.h.
#include <stdexcept>
#include <string_view>

#include "common/core/fragment_joiner.h"
#include "tests/fuzz/pipeline_play.h"
#include "tests/support/firewall_policy.h"
#include "vnfs/firewall/inspection/compile_signatures.h"
#include "vnfs/firewall/inspection/inspection.h"
#include "vnfs/firewall/inspection/signature_file.h"
#include "vnfs/firewall/inspection/threat_list_files.h"

namespace millrace::fuzz {
namespace {

namespace inspection = firewall::inspection;

constexpr unsigned kWorkers = 2;
constexpr std::uint32_t kFirstListSlot = 32;  // of the 64 that the play has

constexpr std::string_view kSignatures = R"(
alert tcp any any -> any any (content:"root"; content:"exec"; distance:1; within:40; sid:1;)
drop tcp any any -> any any (content:"malware"; nocase; sid:2;)
reject http any any -> any any (content:"/evil"; http_uri; pcre:"/id=\d+/U"; sid:3;)
alert http any any -> any any (file_data; content:"script"; flowbits:set,seen; sid:4;)
alert http any any -> any any (content:"firefox"; nocase; http_user_agent; flowbits:isset,seen; sid:5;)
alert tls any any -> any any (tls_sni; content:"example"; sid:6;)
alert dns any any -> any any (dns_query; content:"tunnel"; sid:7;)
alert ssh any any -> any any (ssh_software; content:"OpenSSH"; sid:8;)
alert udp any any -> any any (content:"|01 02 03|"; offset:4; depth:20; threshold:type limit, track by_src, count 2, seconds 5; sid:9;)
alert tcp any any -> any any (dsize:>1000; content:"segment"; sid:10;)
pass tcp any any -> any any (content:"trusted"; sid:11;)
)";

std::shared_ptr<const inspection::Inspection> looks(bool normalise) {
  static inspection::FlowBitNames names;
  auto file = inspection::read_signatures(kSignatures, inspection::default_variables());
  require(file.skipped.empty(), "all of the signatures hold");
  auto compiled = inspection::compile_signatures(std::move(file.signatures), names);
  if (!compiled) throw std::runtime_error(compiled.error().message());
  auto made = std::make_shared<inspection::Inspection>();
  made->set = compiled->set;
  for (unsigned worker = 0; worker < kWorkers; ++worker) {
    auto matcher = inspection::Matcher::make(made->set);
    if (!matcher) throw std::runtime_error(matcher.error().message());
    made->matchers.emplace_back(std::move(*matcher));
  }
  made->streams = {
      .inspect_bytes = 8192,
      .on_conflict = normalise ? inspection::OnConflict::kRewrite : inspection::OnConflict::kDrop};
  made->drop_when_overloaded = normalise;
  made->copied_packets = 3;
  return made;
}

std::shared_ptr<const inspection::ThreatLists> lists() {
  using inspection::ListAction;
  using inspection::ListKind;
  const auto list = [](const char* name, ListKind kind, ListAction action, const char* text) {
    return inspection::ThreatListFile{
        .name = name, .kind = kind, .action = static_cast<std::uint8_t>(action), .text = text, .path = name};
  };
  auto read = inspection::load_threat_lists(
      std::vector{list("hosts", ListKind::kAddress, ListAction::kDrop, "192.0.2.0/24\n2001:db8:66::/48\n"),
                  list("names", ListKind::kDomain, ListAction::kReject, "bad.example\n"),
                  list("pages", ListKind::kUrl, ListAction::kAlert, "http://www.example.org/dir/*\n")},
      {1, 2});
  if (!read) throw std::runtime_error(read.error().message());
  return std::make_shared<const inspection::ThreatLists>(std::move(*read));
}

PipelineExtras extras() {
  PipelineExtras made;
  made.limits.inspection = {.conversations = 24, .stream_bytes = std::size_t{64} << 10U, .events = 64};
  made.limits.applications = {.sessions = 16, .memory_bytes = std::size_t{1} << 20U, .packets = 8};
  made.limits.watch = inspection::WatchSettings{};
  made.joined = kWorkers * core::FragmentJoiner::kMostDatagrams * core::FragmentJoiner::kMostPieces;
  made.first_rules = {testing::reject("ssh").application("ssh"),
                      testing::drop("torrents").application("bittorrent")};
  made.adjust = [first = looks(false), second = looks(true), of = lists(),
                 turn = 0U](firewall::Policy& policy) mutable {
    policy.inspections = {++turn % 2 == 0 ? second : first};
    policy.otherwise.inspection = 1;
    for (auto& outcome : policy.outcomes) outcome.inspection = 1;
    policy.threat_lists = of;
    for (std::uint32_t slot = 0; slot < of->size(); ++slot)
      policy.list_slots.push_back(kFirstListSlot + slot);
    policy.watched = true;
  };
  return made;
}

}  // namespace
}  // namespace millrace::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static millrace::fuzz::PipelinePlay firewall(millrace::fuzz::kWorkers, millrace::fuzz::extras());
  firewall.play(data, size);
  return 0;
}
