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
      std::string_view one = trimmed(rest_.substr(0, end));
      rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
      ++number_;
      goes_on = one.ends_with('\\') && !one.starts_with('#');
      if (goes_on) one.remove_suffix(1);
      line.text += one;
    }
    return true;
  }

 private:
  std::string_view rest_;
  std::uint32_t number_ = 0;
};

// For those that are skipped.
std::uint32_t sid_of(const SignatureText& text) {
  const auto sid = std::ranges::find(text.options, "sid", &Option::name);
  const auto number = sid == text.options.end() ? std::nullopt : number_of(sid->value);
  return number && *number > 0 && *number <= 0xffffffff ? static_cast<std::uint32_t>(*number) : 0;
}

class FileReader {
 public:
  explicit FileReader(const SignatureVariables& variables) : headers_(variables) {}

  void take(const Line& line) {
    const auto text = take_apart(line.text);
    if (!text) return skip(line, 0, text.error());
    Signature signature;
    signature.line = line.number;
    if (auto done = read(*text, signature); !done) return skip(line, sid_of(*text), done.error());
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

  void skip(const Line& line, std::uint32_t sid, const Error& error) {
    file_.skipped.push_back(
        {.line = line.number, .sid = sid, .keyword = error.attempt, .reason = error.reason});
  }

  HeaderReader headers_;
  SignatureFile file_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::size_t> known_;
};

}  // namespace

SignatureVariables default_variables() {
  SignatureVariables variables;
  const AddressSpec home{.within = prefixes({"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"}),
                         .except = {}};
  variables.addresses["HOME_NET"] = home;
  variables.addresses["EXTERNAL_NET"] = {.within = {}, .except = home.within};
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
    if (!line.text.empty() && !line.text.starts_with('#')) reader.take(line);
  }
  return reader.finish();
}

}  // namespace millrace::firewall::inspection
