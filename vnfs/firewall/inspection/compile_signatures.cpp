// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/firewall/inspection/compile_signatures.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <numeric>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "vnfs/firewall/inspection/compile_checks.h"
#include "vnfs/firewall/inspection/fast_pattern.h"
#include "vnfs/firewall/inspection/match_state.h"

namespace millrace::firewall::inspection {
namespace {

using Carrier = SignatureSet::Carrier;

unsigned order_of(Response response) {
  switch (response) {
    case Response::kPass:
      return 0;
    case Response::kDrop:
      return 1;
    case Response::kReject:
      return 2;
    case Response::kAlert:
      break;
  }
  return 3;
}

// Those that set flow bits come before those that ask for them, so that both may match at once.
unsigned flow_bit_order_of(const Signature& signature) {
  bool asks = false;
  bool sets = false;
  for (const FlowBit& bit : signature.flow_bits) {
    const bool is_question = bit.what == FlowBit::Do::kIsSet || bit.what == FlowBit::Do::kIsNotSet;
    asks = asks || is_question;
    sets = sets || !is_question;
  }
  return !asks ? 0 : sets ? 1 : 2;
}

auto rank_of(const Signature& signature) {
  return std::tuple(order_of(signature.response), flow_bit_order_of(signature), signature.priority);
}

// How it looks at the payload of TCP.
bool looks_at_stream(const Signature& signature) {
  return !signature.flow.no_stream && !signature.payload_length;
}
bool looks_at_segments(const Signature& signature) {
  if (signature.flow.only_stream) return false;
  if (!looks_at_stream(signature)) return true;
  for (const BufferTests& in : signature.buffers) {
    if (in.buffer != Buffer::kPayload) continue;
    for (const Test& test : in.tests) {
      const auto* content = std::get_if<Content>(&test);
      if (content != nullptr && (content->offset || content->depth)) return true;
    }
  }
  return false;
}

std::vector<Carrier> carriers_of(const Signature& signature) {
  std::vector<Carrier> carriers;
  const auto may_be = [&](Carrier carrier) {
    return !signature.protocol || SignatureSet::carrier_of(*signature.protocol, false) == carrier;
  };
  if (may_be(Carrier::kTcpStream)) {
    if (looks_at_stream(signature)) carriers.push_back(Carrier::kTcpStream);
    if (looks_at_segments(signature)) carriers.push_back(Carrier::kTcpSegment);
  }
  if (may_be(Carrier::kUdp)) carriers.push_back(Carrier::kUdp);
  if (may_be(Carrier::kOther)) carriers.push_back(Carrier::kOther);
  return carriers;
}

// The prefilters that have to know it.
std::vector<std::size_t> places_of(const Signature& signature, Buffer buffer) {
  const std::vector<Carrier> carriers =
      buffer == Buffer::kPayload ? carriers_of(signature) : std::vector{Carrier::kOther};
  std::vector<std::size_t> places;
  for (const Side side : {Side::kClient, Side::kServer}) {
    if (signature.flow.from != Side::kBoth && signature.flow.from != side) continue;
    for (const Carrier carrier : carriers) places.push_back(SignatureSet::place_of(buffer, side, carrier));
  }
  return places;
}

// A number for each different specification.
class AddressNumbers {
 public:
  AddressNumbers() { static_cast<void>(number({})); }

  std::uint32_t number(const AddressSpec& spec) {
    const auto [known, is_new] =
        numbers_.try_emplace({spec.within, spec.except}, static_cast<std::uint32_t>(specs_.size()));
    if (is_new) specs_.push_back(spec);
    return known->second;
  }
  [[nodiscard]] const std::vector<AddressSpec>& specs() const { return specs_; }

 private:
  std::map<std::pair<std::vector<net::Prefix>, std::vector<net::Prefix>>, std::uint32_t> numbers_;
  std::vector<AddressSpec> specs_;
};

// The fast patterns of one prefilter, each once.
struct PatternUses {
  std::map<std::pair<std::string, bool>, std::vector<Prefilter::Use>> uses;
};

}  // namespace

class SetBuilder {
 public:
  SetBuilder(FlowBitNames& names, const dpi::DatabaseCache* cache) : names_(names), cache_(cache) {}

  Result<CompiledSet> build(std::vector<Signature> signatures) {
    std::vector<std::size_t> order(signatures.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, {}, [&](std::size_t i) { return rank_of(signatures[i]); });
    for (const std::size_t i : order) add(std::move(signatures[i]), i);
    std::ranges::sort(made_.left_out, {}, &CompiledSet::LeftOut::signature);

    set_->addresses_.emplace(addresses_.specs());
    set_->of_sessions_.emplace(of_sessions_, *set_->addresses_);
    set_->of_packets_.emplace(of_packets_, *set_->addresses_);
    for (std::size_t place = 0; place < SignatureSet::kPrefilters; ++place) {
      if (auto compiled = compile(patterns_[place], set_->prefilters_[place]); !compiled)
        return tl::unexpected(std::move(compiled.error()));
    }
    if (!databases_.empty()) {
      auto scratch = dpi::Scratch::make(databases_);
      if (!scratch) return tl::unexpected(std::move(scratch.error()));
      set_->scratch_ = std::move(*scratch);
    }
    static std::atomic<std::uint32_t> generations{0};
    set_->generation_ = ++generations;
    made_.report.signatures = set_->signatures_.size();
    made_.set = std::move(set_);
    return std::move(made_);
  }

 private:
  void add(Signature signature, std::size_t place) {
    if (set_->signatures_.size() == Waiting::kMostSignatures) {
      made_.left_out.push_back({place, fmt::format("there are more than {}", Waiting::kMostSignatures)});
      return;
    }
    auto compiled = compile_checks(signature, names_);
    if (!compiled) {
      made_.left_out.push_back({place, compiled.error().reason});
      return;
    }
    compiled->source = addresses_.number(signature.source);
    compiled->destination = addresses_.number(signature.destination);
    const auto number = static_cast<std::uint32_t>(set_->signatures_.size());
    list(signature, *compiled, number);
    signature.buffers.clear();
    set_->signatures_.push_back(std::move(*compiled));
    set_->about_.push_back(std::move(signature));
  }

  // Where the data path will find it.
  void list(const Signature& signature, const CompiledSignature& compiled, std::uint32_t number) {
    if (signature.buffers.empty()) {
      ++made_.report.by_header;
      auto& headers = compiled.looks_at_packet ? of_packets_ : of_sessions_;
      headers.push_back({number, compiled.source, compiled.destination, signature.destination_ports});
      if (signature.both_ways)
        headers.push_back({number, compiled.destination, compiled.source, signature.source_ports});
      return;
    }
    const auto pattern = fast_pattern_of(signature);
    if (!pattern) {
      ++made_.report.always;
      for (const std::size_t place : places_of(signature, signature.buffers.front().buffer))
        set_->prefilters_[place].always.push_back(number);
      return;
    }
    ++made_.report.by_content;
    for (const std::size_t place : places_of(signature, signature.buffers[pattern->buffer].buffer))
      patterns_[place].uses[{pattern->bytes, pattern->caseless}].push_back(
          {number, pattern->least_end, pattern->most_end});
  }

  Result<void> compile(const PatternUses& patterns, Prefilter& prefilter) {
    if (patterns.uses.empty()) return {};
    std::vector<dpi::Pattern> texts;
    for (const auto& [pattern, uses] : patterns.uses) {
      const std::size_t length = pattern.first.size();
      const bool anywhere = std::ranges::all_of(uses, [length](const Prefilter::Use& use) {
        return use.least_end <= length && use.most_end == 0xffffffff;
      });
      texts.push_back({.text = pattern.first,
                       .id = static_cast<std::uint32_t>(texts.size()),
                       .caseless = pattern.second,
                       .once = anywhere});
      prefilter.longest = std::max(prefilter.longest, static_cast<std::uint32_t>(length));
      prefilter.first.push_back(static_cast<std::uint32_t>(prefilter.uses.size()));
      prefilter.uses.insert(prefilter.uses.end(), uses.begin(), uses.end());
    }
    prefilter.first.push_back(static_cast<std::uint32_t>(prefilter.uses.size()));
    auto database = database_of(std::move(texts));
    if (!database) return tl::unexpected(std::move(database.error()));
    prefilter.database = std::move(*database);
    return {};
  }

  // Two prefilters often have the same patterns: the two sides of one buffer.
  Result<std::shared_ptr<const dpi::Database>> database_of(std::vector<dpi::Pattern> patterns) {
    for (std::size_t i = 0; i < known_.size(); ++i) {
      if (known_[i] == patterns) return databases_[i];
    }
    CompiledSet::Report& report = made_.report;
    tl::expected<dpi::DatabaseCache::Got, dpi::Database::Fault> got;
    if (cache_ != nullptr) {
      got = cache_->get(patterns, dpi::Mode::kBlock);
      if (got && got->not_kept) report.not_cached = got->not_kept->message();
    } else {
      got = dpi::Database::compile(patterns, dpi::Mode::kBlock).map([](auto made) {
        return dpi::DatabaseCache::Got{.database = std::move(made), .compiled = true};
      });
    }
    if (!got) return tl::unexpected(std::move(got.error().error));
    report.patterns += patterns.size();
    report.databases += 1;
    report.database_bytes += got->database->bytes();
    report.compiled += got->compiled ? 1 : 0;
    databases_.push_back(got->database);
    known_.push_back(std::move(patterns));
    return databases_.back();
  }

  FlowBitNames& names_;
  const dpi::DatabaseCache* cache_;
  std::shared_ptr<SignatureSet> set_{new SignatureSet()};
  CompiledSet made_;
  AddressNumbers addresses_;
  std::vector<HeaderIndex::Header> of_sessions_;
  std::vector<HeaderIndex::Header> of_packets_;
  std::array<PatternUses, SignatureSet::kPrefilters> patterns_;
  std::vector<std::vector<dpi::Pattern>> known_;
  std::vector<std::shared_ptr<const dpi::Database>> databases_;  // of the same place in known_
};

Result<CompiledSet> compile_signatures(std::vector<Signature> signatures, FlowBitNames& names,
                                       const dpi::DatabaseCache* cache) {
  return SetBuilder(names, cache).build(std::move(signatures));
}

}  // namespace millrace::firewall::inspection
