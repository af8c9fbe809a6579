// SPDX-License-Identifier: BSD-3-Clause
// A line of a file of addresses, domains, URLs or JA3 hashes, as those who publish lists write them: the
// entry alone, or the first column of comma-separated values, in quotes or without; behind it "#" or ";" and
// what people are told. (Spamhaus DROP, abuse.ch, hosts files and plain lists are such.) Control side; any
// bytes.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vnfs/firewall/inspection/address_list.h"
#include "vnfs/firewall/inspection/domain_list.h"
#include "vnfs/firewall/inspection/ja3_list.h"
#include "vnfs/firewall/inspection/url_list.h"

namespace millrace::firewall::inspection {

// Each of these reads a line without its end, and says what is wrong with it and what would be right, or
// nothing. Entries are of the line that was read last, and hold until the next.

// "192.0.2.1", "2001:db8::/32", "192.0.2.1-192.0.2.9".
class AddressLine {
 public:
  using List = AddressList;

  [[nodiscard]] std::string_view read(std::string_view line);
  [[nodiscard]] std::span<const AddressList::Entry> entries() const { return entries_; }

 private:
  std::vector<AddressList::Entry> entries_;
};

// "example.org" or ".example.org": it and all below it. "=example.org": it alone. "*.example.org": all below
// it. An IPv4 address: it alone, as a host is given by it. "0.0.0.0 example.org example.net": a line of a
// hosts file, whose names without a dot are the machine's own, and no entries.
class DomainLine {
 public:
  using List = DomainList;

  [[nodiscard]] std::string_view read(std::string_view line);
  [[nodiscard]] std::span<const DomainList::Entry> entries() const { return entries_; }

 private:
  [[nodiscard]] std::string_view read_hosts(std::string_view names);
  [[nodiscard]] std::string_view read_name(std::string_view name, bool of_hosts_file);

  std::string lowered_;
  std::vector<DomainList::Entry> entries_;
};

// "http://host:port/path?query", whatever the scheme, or without one. A "*" at the end: all that begins so.
// What follows a "#" is not sent to a server, and does not count.
class UrlLine {
 public:
  using List = UrlList;

  [[nodiscard]] std::string_view read(std::string_view line);
  [[nodiscard]] std::span<const UrlList::Entry> entries() const { return entries_; }

 private:
  [[nodiscard]] std::string_view read_url(std::string_view url);

  UrlHost host_{{}};
  std::string path_;
  std::vector<UrlList::Entry> entries_;
};

// 32 hexadecimal digits.
class Ja3Line {
 public:
  using List = Ja3List;

  [[nodiscard]] std::string_view read(std::string_view line);
  [[nodiscard]] std::span<const Ja3> entries() const { return entries_; }

 private:
  std::vector<Ja3> entries_;
};

}  // namespace millrace::firewall::inspection
