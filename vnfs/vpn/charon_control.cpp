// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/vpn/charon_control.h"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <set>

#include <fmt/format.h>
#include <openssl/crypto.h>

#include "vnfs/vpn/vici_message.h"

namespace millrace::vpn {
namespace {

using boost::json::object;
using boost::json::value;

constexpr std::string_view kConnecting = "CONNECTING";  // strongSwan's word
constexpr std::size_t kMostUnseen = 100'000;
constexpr std::size_t kMostTrouble = 500;
constexpr std::chrono::seconds kPatience{5};  // with a connection that does not stand
constexpr unsigned kMostAtOnce = 32;          // are asked for anew

std::string text_of(const object& from, std::string_view key) {
  const value* const found = from.if_contains(key);
  return found != nullptr && found->is_string() ? std::string(found->get_string()) : std::string();
}

std::uint64_t number_of(const object& from, std::string_view key, int base = 10) {
  const std::string text = text_of(from, key);
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number, base);
  return number;
}

const object* section_of(const object& from, std::string_view key) {
  const value* const found = from.if_contains(key);
  return found != nullptr ? found->if_object() : nullptr;
}

// Tells one setting from another with its name.
std::uint64_t print_of(const IkeSetting& setting) {
  auto packet = vici::write_packet(vici::PacketType::kCommand, setting.command, setting.message);
  if (!packet) return 0;
  const std::string_view bytes{reinterpret_cast<const char*>(packet->data()), packet->size()};
  const std::uint64_t print = std::hash<std::string_view>{}(bytes);
  OPENSSL_cleanse(packet->data(), packet->size());
  return print;
}

// "AES_GCM_16-128/PRF_HMAC_SHA2_256/ECP_256"
std::string suite_of(const object& sa) {
  std::string suite = text_of(sa, "encr-alg");
  if (const std::string bits = text_of(sa, "encr-keysize"); !bits.empty()) suite += "-" + bits;
  for (const std::string_view key : {"integ-alg", "prf-alg", "dh-group"}) {
    if (const std::string one = text_of(sa, key); !one.empty()) suite += "/" + one;
  }
  return suite;
}

IkeSa read_sa(const std::string& name, const object& sa) {
  IkeSa read{.connection = name,
             .state = text_of(sa, "state"),
             .local = text_of(sa, "local-host"),
             .remote = text_of(sa, "remote-host"),
             .local_id = text_of(sa, "local-id"),
             .remote_id = text_of(sa, "remote-eap-id"),
             .suite = suite_of(sa),
             .addresses = {},
             .since = std::chrono::steady_clock::now() - std::chrono::seconds(number_of(sa, "established")),
             .children = {}};
  if (read.remote_id.empty()) read.remote_id = text_of(sa, "remote-id");
  if (const value* const given = sa.if_contains("remote-vips"); given != nullptr && given->is_array()) {
    for (const value& one : given->get_array())
      if (one.is_string()) read.addresses.emplace_back(one.get_string());
  }
  if (const object* const children = section_of(sa, "child-sas")) {
    for (const auto& [key, one] : *children) {
      const object* const child = one.if_object();
      if (child == nullptr) continue;
      read.children.push_back({.name = text_of(*child, "name"),
                               .state = text_of(*child, "state"),
                               .spi_in = static_cast<std::uint32_t>(number_of(*child, "spi-in", 16)),
                               .spi_out = static_cast<std::uint32_t>(number_of(*child, "spi-out", 16))});
    }
  }
  return read;
}

}  // namespace

CharonControl::CharonControl(boost::asio::io_context& io, const std::filesystem::path& socket, Report report)
    : report_(std::move(report)),
      client_(
          io, socket, {"list-sa", "ike-updown", "child-updown", "ike-rekey", "child-rekey"},
          {.connected =
               [this, socket] {
                 report_(fmt::format("charon answers on {}", socket.string()));
                 tell_all();
               },
           .gone =
               [this, socket](std::string_view why) {
                 report_(
                     fmt::format("charon is not there: {}: {}; tunnels stay as they are, and no new ones "
                                 "are made until it is started",
                                 socket.string(), why));
                 told_.clear();
                 unseen_.clear();
               },
           .event = [this](std::string_view event, const object& message) { on_event(event, message); }}) {
  client_.start();
}

std::vector<CharonControl::Wanted> CharonControl::connections() const {
  std::vector<Wanted> all;
  for (const IkeSetting& setting : wanted_)
    if (setting.kind == Kind::kConnection) all.push_back({setting.name, setting.always});
  return all;
}

void CharonControl::configure(std::vector<IkeSetting> settings) {
  wanted_ = std::move(settings);
  owns_ = owns_ || !wanted_.empty();
  if (!connected()) return;
  std::map<Key, std::uint64_t> now;
  for (const IkeSetting& setting : wanted_) now[{setting.kind, setting.name}] = print_of(setting);
  std::vector<Key> gone;
  bool forget = false;  // credentials can only be forgotten together
  for (const auto& [key, print] : told_) {
    const auto found = now.find(key);
    const bool is_gone = found == now.end();
    if (key.first == Kind::kCredential) {
      forget = forget || is_gone || found->second != print;
    } else if (is_gone) {
      gone.push_back(key);
    }
  }
  for (const Key& key : gone) take_back(key);
  if (forget) {
    client_.ask("clear-creds", {}, [](const auto&) {});
    std::erase_if(told_, [](const auto& one) { return one.first.first == Kind::kCredential; });
  }
  for (const IkeSetting& setting : wanted_) {
    const auto before = told_.find({setting.kind, setting.name});
    if (before == told_.end() || before->second != now[{setting.kind, setting.name}]) tell(setting);
  }
}

void CharonControl::tell_all() {
  told_.clear();
  sas_.clear();
  if (owns_) {
    client_.ask("clear-creds", {}, [](const auto&) {});
    for (const IkeSetting& setting : wanted_) tell(setting);
    remove_strangers();
  }
  unseen_.assign(1, 0);
  look_at_next();
}

void CharonControl::tell(const IkeSetting& setting) {
  told_[{setting.kind, setting.name}] = print_of(setting);
  client_.ask(setting.command, setting.message,
              [this, kind = setting.kind, name = setting.name](const Result<object>& answer) {
                const bool done = answer && text_of(*answer, "success") != "no";
                if (done || !connected()) return;  // to one that comes back, all is told again
                const std::string why = answer ? text_of(*answer, "errmsg") : answer.error().message();
                if (kind == Kind::kConnection) {
                  note_trouble(name, "charon does not take it: " + why, false);
                }
                report_(fmt::format("charon does not take '{}' of the profile: {}", name, why));
              });
}

void CharonControl::take_back(const Key& key) {
  const auto ignore = [](const auto&) {};
  const auto& [kind, name] = key;
  switch (kind) {
    case Kind::kCredential:
      break;
    case Kind::kAuthority:
      client_.ask("unload-authority", {{"name", name}}, ignore);
      break;
    case Kind::kPool:
      client_.ask("unload-pool", {{"name", name}}, ignore);
      break;
    case Kind::kConnection:
      client_.ask("unload-conn", {{"name", name}}, ignore);
      client_.ask("terminate", {{"ike", name}, {"timeout", "-1"}}, ignore);
      logs_.erase(name);
      break;
  }
  told_.erase(key);
}

// What this gateway's forerunner told charon, and the profile says no more.
void CharonControl::remove_strangers() {
  client_.ask("get-conns", {}, [this](const Result<object>& answer) {
    const value* const names = answer ? answer->if_contains("conns") : nullptr;
    if (names == nullptr || !names->is_array()) return;
    for (const value& one : names->get_array()) {
      if (!one.is_string()) continue;
      const Key key{Kind::kConnection, std::string(one.get_string())};
      if (!told_.contains(key)) take_back(key);
    }
  });
}

void CharonControl::keep_up(std::chrono::steady_clock::time_point now) {
  if (!connected()) {
    missing_.clear();
    return;
  }
  std::set<std::string_view> standing;
  for (const auto& [id, sa] : sas_)
    if (sa.state != kConnecting) standing.insert(sa.connection);
  std::map<std::string, std::chrono::steady_clock::time_point, std::less<>> missing;
  unsigned asked = 0;
  for (const IkeSetting& setting : wanted_) {
    if (!setting.always || standing.contains(setting.name)) continue;
    const auto before = missing_.find(setting.name);
    auto since = before == missing_.end() ? now : before->second;
    if (now - since >= kPatience && asked < kMostAtOnce) {
      ++asked;
      since = now;
      start_again(setting);
    }
    missing.emplace(setting.name, since);
  }
  missing_.swap(missing);
}

// Not where charon is at it already.
void CharonControl::start_again(const IkeSetting& connection) {
  std::erase_if(sas_, [&](const auto& one) {
    return one.second.connection == connection.name && one.second.state == kConnecting;
  });
  std::vector<std::string> children;
  if (const object* const body = section_of(connection.message, connection.name)) {
    if (const object* const named = section_of(*body, "children"))
      for (const auto& [name, child] : *named) children.emplace_back(name);
  }
  client_.ask(
      "list-sas", {{"ike", connection.name}},
      [this, name = connection.name, children](const Result<object>& answer) {
        const bool there = std::any_of(sas_.begin(), sas_.end(),
                                       [&name](const auto& one) { return one.second.connection == name; });
        if (!answer || there) return;
        report_(
            fmt::format("connection {}: it is to be there always and is not; it is asked for again", name));
        for (const std::string& child : children)
          client_.ask("initiate", {{"ike", name}, {"child", child}, {"timeout", "-1"}}, [](const auto&) {});
      });
}

void CharonControl::note_trouble(std::string_view connection, std::string_view what, bool unproved) {
  ConnectionLog& log = logs_[std::string(connection)];
  const std::time_t now = std::time(nullptr);
  // A certificate that is refused is told in a line of its own, before that nobody was proved.
  const bool goes_on =
      !log.trouble.empty() && now - log.troubled_at <= 1 && log.trouble.size() < kMostTrouble;
  log.trouble = goes_on && log.trouble != what ? fmt::format("{}; {}", log.trouble, what) : std::string(what);
  log.troubled_at = now;
  if (unproved) ++log.failures;
}

void CharonControl::on_event(std::string_view event, const object& message) {
  const bool up = text_of(message, "up") == "yes";
  for (const auto& [name, one] : message) {
    const object* const sa = one.if_object();
    if (sa == nullptr) continue;
    const std::uint64_t id = number_of(*sa, "uniqueid");
    if (event == "list-sa") {
      sas_.insert_or_assign(id, read_sa(name, *sa));
      seen_ = true;
    } else if (event == "ike-updown") {
      if (name != "(unnamed)")
        report_(fmt::format("connection {}: the key exchange with {} ({}) {}", std::string_view(name),
                            text_of(*sa, "remote-id"), text_of(*sa, "remote-host"),
                            up ? "stands" : "has ended"));
      if (up) {
        look_at(id);
      } else {
        sas_.erase(id);
      }
    } else if (event == "ike-rekey") {
      if (const object* const old = section_of(*sa, "old")) sas_.erase(number_of(*old, "uniqueid"));
      if (const object* const fresh = section_of(*sa, "new")) look_at(number_of(*fresh, "uniqueid"));
    } else {
      if (event == "child-rekey") ++logs_[std::string(name)].renewals;
      look_at(id);
    }
  }
}

void CharonControl::look_at(std::uint64_t id) {
  const auto queued = std::find(unseen_.begin() + (unseen_.empty() ? 0 : 1), unseen_.end(), id);
  if (queued != unseen_.end() || unseen_.size() >= kMostUnseen) return;
  unseen_.push_back(id);
  if (unseen_.size() == 1) look_at_next();
}

// 0: all of them.
void CharonControl::look_at_next() {
  const std::uint64_t id = unseen_.front();
  seen_ = false;
  object which;
  if (id != 0) which["ike-id"] = fmt::format("{}", id);
  client_.ask("list-sas", which, [this, id](const Result<object>& answer) {
    if (answer) looked_at(id);
  });
}

void CharonControl::looked_at(std::uint64_t id) {
  if (id != 0 && !seen_) sas_.erase(id);
  unseen_.pop_front();
  if (!unseen_.empty()) look_at_next();
}

}  // namespace millrace::vpn
