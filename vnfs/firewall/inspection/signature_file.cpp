// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/signature_file.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "vnfs/firewall/inspection/signature_draft.h"
#include "vnfs/firewall/inspection/signature_header.h"
#include "vnfs/firewall/inspection/signature_text.h"

namespace millrace::firewall::inspection {
namespace {

std::vector<net::Prefix> prefixes(std::initializer_list<std::string_view> texts) {
  std::vector<net::Prefix> all;
  for (const std::string_view text : texts) all.push_back(*net::Prefix::parse(text));
  return all;
}

// The next line, put together from those that end in a backslash.
struct Line {
  std::string text;
  std::uint32_t number = 0;  // of its first
};

bool is_comment(std::string_view text) noexcept { return trimmed(text).starts_with('#'); }

bool begins_signature(std::string_view text) noexcept {
  const std::string_view line = trimmed(text.substr(0, text.find('\n')));
  return line.starts_with('#') || is_action(line.substr(0, line.find_first_of(" \t")));
}

class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {
    if (rest_.starts_with("\xef\xbb\xbf")) rest_.remove_prefix(3);
  }

  bool next(Line& line) {
    if (rest_.empty()) return false;
    line.text.clear();
    line.number = number_ + 1;
    for (bool goes_on = true; goes_on && !rest_.empty();) {
      const auto end = rest_.find('\n');
      std::string_view one = rest_.substr(0, end);
      one.remove_suffix(one.size() - (one.find_last_not_of(" \t\r") + 1));
      rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
      ++number_;
      goes_on = one.ends_with('\\');
      if (goes_on) one.remove_suffix(1);
      line.text += one;
      // A comment goes on as well, when it is a signature put out of force; not over the next signature.
      if (goes_on && is_comment(line.text)) goes_on = !begins_signature(rest_);
    }
    return true;
  }

 private:
  std::string_view rest_;
  std::uint32_t number_ = 0;
};

// For those that are skipped, whatever is wrong with them.
std::uint32_t sid_of(std::string_view line) {
  constexpr std::string_view kSid = "sid:";
  const auto at = line.rfind(kSid);
  if (at == std::string_view::npos) return 0;
  const std::string_view rest = line.substr(at + kSid.size());
  const auto number = number_of(rest.substr(0, rest.find(';')));
  return number && *number > 0 && *number <= 0xffffffff ? static_cast<std::uint32_t>(*number) : 0;
}

class FileReader {
 public:
  explicit FileReader(const SignatureVariables& variables) : headers_(variables) {}

  void take(const Line& line) {
    const auto text = take_apart(line.text);
    if (!text) return skip(line, text.error());
    Signature signature;
    signature.line = line.number;
    if (auto done = read(*text, signature); !done) return skip(line, done.error());
    const auto [known, added] =
        known_.emplace(std::pair(signature.group, signature.id), file_.signatures.size());
    if (added) {
      file_.signatures.push_back(std::move(signature));
      return;
    }
    Signature& other = file_.signatures[known->second];
    if (signature.revision > other.revision) std::swap(signature, other);
    file_.skipped.push_back(
        {.line = signature.line,
         .sid = signature.id,
         .keyword = "sid",
         .reason = fmt::format("line {} has one of the same number that holds in its place", other.line)});
  }

  [[nodiscard]] SignatureFile finish() {
    std::ranges::sort(file_.skipped, {}, &Skipped::line);
    return std::move(file_);
  }

 private:
  Result<void> read(const SignatureText& text, Signature& signature) {
    if (auto header = headers_.read(text.header, signature); !header) return header;
    SignatureDraft draft(signature);
    for (const Option& option : text.options) {
      if (auto taken = draft.take(option); !taken) return taken;
    }
    return draft.finish();
  }

  void skip(const Line& line, const Error& error) {
    file_.skipped.push_back(
        {.line = line.number, .sid = sid_of(line.text), .keyword = error.attempt, .reason = error.reason});
  }

  HeaderReader headers_;
  SignatureFile file_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::size_t> known_;
};

}  // namespace

AddressSpec private_addresses() {
  return {.within = prefixes({"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"}), .except = {}};
}

SignatureVariables default_variables(const AddressSpec& home) {
  SignatureVariables variables;
  variables.addresses["HOME_NET"] = home;
  // All but some has those some for its opposite.
  AddressSpec& external = variables.addresses["EXTERNAL_NET"];
  (home.within.empty() ? external.within : external.except) = home.within.empty() ? home.except : home.within;
  for (const char* servers : {"HTTP_SERVERS", "SMTP_SERVERS", "SQL_SERVERS", "DNS_SERVERS", "TELNET_SERVERS",
                              "AIM_SERVERS", "DC_SERVERS", "DNP3_SERVER", "DNP3_CLIENT", "MODBUS_CLIENT",
                              "MODBUS_SERVER", "ENIP_CLIENT", "ENIP_SERVER"})
    variables.addresses[servers] = home;
  variables.ports = {{"HTTP_PORTS", {{80, 80}}},
                     {"SHELLCODE_PORTS", {{0, 79}, {81, 65'535}}},
                     {"ORACLE_PORTS", {{1521, 1521}}},
                     {"SSH_PORTS", {{22, 22}}},
                     {"DNP3_PORTS", {{20'000, 20'000}}},
                     {"MODBUS_PORTS", {{502, 502}}},
                     {"FILE_DATA_PORTS", {{80, 80}, {110, 110}, {143, 143}}},
                     {"FTP_PORTS", {{21, 21}}},
                     {"GENEVE_PORTS", {{6081, 6081}}},
                     {"VXLAN_PORTS", {{4789, 4789}}},
                     {"TEREDO_PORTS", {{3544, 3544}}}};
  return variables;
}

SignatureFile read_signatures(std::string_view text, const SignatureVariables& variables) {
  FileReader reader(variables);
  Lines lines(text);
  for (Line line; lines.next(line);) {
    if (!trimmed(line.text).empty() && !is_comment(line.text)) reader.take(line);
  }
  return reader.finish();
}

}  // namespace millrace::firewall::inspection
