// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <memory>
#include <utility>

#include "common/appliance/table_slices.h"
#include "vnfs/nat/binding_stream.h"
#include "vnfs/nat/bindings_of.h"
#include "vnfs/nat/transfer_bindings.h"

namespace millrace::nat {
namespace {

// Records as they stand in a worker's tables, with what names them outside.
struct FoundSession {
  Session session;
  Mapping mapping;
};
struct FoundLease {
  Lease lease;
  Mapping mapping;
  Endpoint remote;
};
struct FoundAlg {
  AlgRecord record;
  Mapping mapping;
  Endpoint remote;
};
struct FoundMapping {
  Mapping mapping;
  net::IpAddress inside;
  std::uint16_t domain;
};

// Sessions come before the mappings they need: what ends meanwhile leaves no session behind that has none.
class Exporter {
 public:
  Exporter(appliance::Workers workers, const core::Snapshot& snapshot)
      : workers_(workers.begin(), workers.end()), network_(snapshot.network) {
    sessions_.reserve(kPiece);
    leases_.reserve(kPiece);
    algs_.reserve(kPiece);
    mappings_.reserve(kPiece);
  }

  Result<std::string> next() {
    if (!std::exchange(begun_, true)) return writer_.begin();
    while (worker_ < workers_.size()) {
      core::Worker& worker = *workers_[worker_];
      const BindingTable& bindings = bindings_of(worker);
      Bindings piece;
      switch (table_) {
        case Table::kSessions:
          read(worker, bindings.sessions(), sessions_, piece.sessions, [&](SessionIndex index) {
            const Session& session = bindings.session(index);
            return FoundSession{session, bindings.mapping(session.mapping)};
          });
          break;
        case Table::kLeases:
          read(worker, bindings.leases().records(), leases_, piece.leases, [&](LeaseIndex index) {
            const Lease& lease = bindings.leases()[index];
            const bool of_session = lease.kind == Lease::Kind::kSession;
            return FoundLease{lease, bindings.mapping(bindings.mapping_of(lease)),
                              of_session ? bindings.session(lease.binding).remote() : Endpoint{}};
          });
          break;
        case Table::kAlgs:
          read(worker, bindings.algs().records(), algs_, piece.algs, [&](AlgIndex index) {
            const AlgRecord& record = bindings.algs()[index];
            const Session& session = bindings.session(record.session);
            return FoundAlg{record, bindings.mapping(session.mapping), session.remote()};
          });
          break;
        case Table::kMappings:
          read(worker, bindings.mappings(), mappings_, piece.mappings, [&](MappingIndex index) {
            const Mapping& mapping = bindings.mapping(index);
            const Subscriber& subscriber = bindings.subscriber(mapping.subscriber);
            return FoundMapping{mapping, subscriber.address, subscriber.domain};
          });
          break;
      }
      if (piece.size() != 0) return writer_.append(piece);
    }
    return std::exchange(ended_, true) ? std::string() : writer_.end();
  }

 private:
  static constexpr std::size_t kPiece = 1024;  // records
  enum class Table : std::uint8_t { kSessions, kLeases, kAlgs, kMappings };

  // The next records of the table in hand; moves on to the next table at its end.
  template <class Records, class Found, class Portable, class Copy>
  void read(core::Worker& worker, const Records& records, std::vector<Found>& found,
            std::vector<Portable>& out, Copy&& copy) {
    const BindingTable& bindings = bindings_of(worker);
    found.clear();
    Tick now = 0;
    place_ = appliance::visit_slices(worker, place_, records.capacity(), [&](std::uint32_t index) {
      if (!records.in_use(index)) return true;
      found.push_back(copy(index));
      now = bindings.now();
      return found.size() < kPiece;
    });
    if (place_ == records.capacity()) {
      place_ = 0;
      worker_ += table_ == Table::kMappings ? 1 : 0;
      table_ = table_ == Table::kMappings ? Table::kSessions
                                          : static_cast<Table>(static_cast<unsigned>(table_) + 1);
    }
    out.reserve(found.size());
    for (const Found& one : found) out.push_back(portable(one, now));
  }

  std::uint32_t domain(std::uint16_t id) {
    return writer_.domain(id < network_->domains.size() ? network_->domains[id].name : "default");
  }
  OutsideEnd outside_of(const Mapping& mapping) {
    return {mapping.outside(), mapping.protocol, domain(mapping.domain)};
  }

  PortableSession portable(const FoundSession& found, Tick now) {
    const Session& session = found.session;
    PortableSession out;
    out.of = outside_of(found.mapping);
    for (std::size_t way = 0; way < 2; ++way) {
      out.source_port[way] = session.tuple[way].source().port;
      out.destination_port[way] = session.tuple[way].destination().port;
    }
    out.remote = session.remote().address;
    out.tcp = session.tcp;
    out.inward_first = session.has(Session::kInwardFirst);
    out.replied = session.has(Session::kReplied);
    out.bytes = session.bytes;
    out.idle = now - session.last_seen;
    return out;
  }

  PortableLease portable(const FoundLease& found, Tick now) {
    const Lease& lease = found.lease;
    PortableLease out;
    out.of = outside_of(found.mapping);
    out.kind = lease.kind;
    out.remote = found.remote;
    if (!lease.pinhole) out.nonce = lease.nonce;  // another process has another
    out.pinhole = lease.pinhole;
    out.left = tick_after(lease.expires, now) ? lease.expires - now : 0;
    out.remotes.assign(lease.remotes.begin(), lease.remotes.begin() + lease.remote_count);
    return out;
  }

  PortableAlg portable(const FoundAlg& found, Tick /*now*/) {
    const AlgRecord& record = found.record;
    PortableAlg out;
    out.of = outside_of(found.mapping);
    out.remote = found.remote;
    out.kind = record.kind;
    out.mid_line = record.mid_line;
    out.offered = record.offered;
    for (std::size_t way = 0; way < 2; ++way) out.shift[way] = record.shift[way].settled();
    return out;
  }

  PortableMapping portable(const FoundMapping& found, Tick now) {
    const Mapping& mapping = found.mapping;
    PortableMapping out;
    out.outside = outside_of(mapping);
    out.inside = found.inside;
    out.inside_port = mapping.inside_port;
    out.domain = domain(found.domain);
    out.filtering = mapping.filtering();
    out.remote = {mapping.remote_address, mapping.remote_port};
    out.is_static = mapping.has(Mapping::kStatic);
    out.rests = mapping.has(Mapping::kQuarantined);
    out.rested = out.rests ? now - mapping.since : 0;
    return out;
  }

  std::vector<core::Worker*> workers_;
  std::shared_ptr<const core::Network> network_;
  BindingStreamWriter writer_;
  std::vector<FoundSession> sessions_;
  std::vector<FoundLease> leases_;
  std::vector<FoundAlg> algs_;
  std::vector<FoundMapping> mappings_;
  std::size_t worker_ = 0;
  Table table_ = Table::kSessions;
  std::uint32_t place_ = 0;
  bool begun_ = false;
  bool ended_ = false;
};

}  // namespace

std::function<Result<std::string>()> export_bindings(appliance::Workers workers,
                                                     const core::Snapshot& snapshot) {
  return [exporter = std::make_shared<Exporter>(workers, snapshot)] { return exporter->next(); };
}

}  // namespace millrace::nat
