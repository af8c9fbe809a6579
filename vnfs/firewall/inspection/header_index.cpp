// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/header_index.h"

#include <algorithm>

namespace millrace::firewall::inspection {

HeaderIndex::HeaderIndex(std::span<const Header> headers, const AddressSets& addresses)
    : rows_(headers.size()) {
  for (const Header& header : headers) signatures_.push_back(header.signature);
  if (headers.empty()) return;
  add_address_rows(headers, addresses);
  add_port_rows(headers);
  rows_.finish();
}

void HeaderIndex::add_address_rows(std::span<const Header> headers, const AddressSets& addresses) {
  std::vector<std::vector<std::uint32_t>> as_source;  // the bits of each specification
  std::vector<std::vector<std::uint32_t>> as_destination;
  const auto add = [](auto& bits, std::uint32_t spec, std::size_t bit) {
    if (bits.size() <= spec) bits.resize(spec + 1);
    bits[spec].push_back(static_cast<std::uint32_t>(bit));
  };
  for (std::size_t bit = 0; bit < headers.size(); ++bit) {
    add(as_source, headers[bit].source, bit);
    add(as_destination, headers[bit].destination, bit);
  }
  const auto row = [&](const auto& bits_of, std::uint32_t class_id) {
    DenseRow dense(headers.size());
    for (const std::uint32_t spec : addresses.holding(class_id)) {
      if (spec >= bits_of.size()) break;
      for (const std::uint32_t bit : bits_of[spec]) dense.set(bit, bit + 1);
    }
    return rows_.add(dense);
  };
  for (std::uint32_t class_id = 0; class_id < addresses.classes(); ++class_id) {
    source_rows_.push_back(row(as_source, class_id));
    destination_rows_.push_back(row(as_destination, class_id));
  }
}

void HeaderIndex::add_port_rows(std::span<const Header> headers) {
  port_starts_.push_back(0);
  for (const Header& header : headers) {
    for (const Ports& ports : header.destination_ports) {
      port_starts_.push_back(ports.first);
      port_starts_.push_back(std::uint32_t{ports.last} + 1);
    }
  }
  std::ranges::sort(port_starts_);
  port_starts_.erase(std::unique(port_starts_.begin(), port_starts_.end()), port_starts_.end());
  std::vector<DenseRow> rows(port_starts_.size(), DenseRow(headers.size()));
  const auto place = [&](std::uint32_t port) {
    return std::ranges::lower_bound(port_starts_, port) - port_starts_.begin();
  };
  for (std::size_t bit = 0; bit < headers.size(); ++bit) {
    const PortSpec& spec = headers[bit].destination_ports;
    if (spec.empty()) {
      for (DenseRow& row : rows) row.set(bit, bit + 1);
    }
    for (const Ports& ports : spec) {
      for (auto at = place(ports.first); at < place(std::uint32_t{ports.last} + 1); ++at)
        rows[static_cast<std::size_t>(at)].set(bit, bit + 1);
    }
  }
  for (const DenseRow& row : rows) port_rows_.push_back(rows_.add(row));
}

}  // namespace millrace::firewall::inspection
