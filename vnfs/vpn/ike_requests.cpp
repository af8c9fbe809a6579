// SPDX-License-Identifier: BSD-3-Clause
#include "vnfs/vpn/ike_requests.h"

#include <type_traits>
#include <variant>

#include <fmt/format.h>

namespace millrace::vpn::ike {
namespace {

Answer refused(const Error& error) { return {.status = MILLRACE_IKE_REFUSED, .text = error.message()}; }

Answer outcome(const Result<void>& result) { return result ? Answer{} : refused(result.error()); }

// The same association has the same key, whatever the remote address of an inbound one.
AssociationKey plain(const AssociationKey& key) {
  return key.outbound ? key : AssociationKey{.outbound = false, .spi = key.spi, .remote = {}};
}

}  // namespace

Requests::Reply Requests::take(Bytes message) {
  Reply reply;
  auto request = read_request(message);
  if (!request) {
    const Malformed& wrong = request.error();
    reply.close = wrong.strange;
    reply.log = "a message of charon's plugin is not understood: " + wrong.reason;
    reply.messages.push_back(
        write_answer(wrong.serial, {.status = MILLRACE_IKE_MALFORMED, .text = wrong.reason}));
    return reply;
  }
  Answer given;
  if (!greeted_ && !std::holds_alternative<Hello>(request->body)) {
    given = {.status = MILLRACE_IKE_MALFORMED, .text = "a hello comes first"};
    reply.close = true;
    reply.log = "charon's plugin did not begin with a hello";
  } else {
    given = std::visit([&](auto& body) { return answer(body, reply); }, request->body);
    if (given.status == MILLRACE_IKE_REFUSED) reply.log = "refused to charon: " + given.text;
  }
  reply.messages.insert(reply.messages.begin(), write_answer(request->serial, given));
  return reply;
}

void Requests::disconnected() {
  if (resyncing_) gateway_.hold(false);
  greeted_ = resyncing_ = synchronized_ = false;
  told_.clear();
  told_policies_.clear();
}

Answer Requests::answer(Hello& hello, Reply& reply) {
  if (greeted_) return {.status = MILLRACE_IKE_MALFORMED, .text = "a second hello"};
  greeted_ = true;
  reply.log = fmt::format("charon of strongSwan {} is here, process {}", hello.release, hello.process);
  return {};
}

Answer Requests::answer(AllocateSpi& /*request*/, Reply& /*reply*/) {
  const auto spi = gateway_.allocate_spi();
  if (!spi) return refused(spi.error());
  return {.spi = *spi};
}

// An association that was told before goes on where it is. Where it is not, its replay window begins anew,
// which an inbound one can bear; an outbound one would use its nonces twice: RFC 4106 section 3.
Answer Requests::answer(AddAssociation& request, Reply& /*reply*/) {
  const AssociationKey key = request.spec.key;
  const bool there = request.again && gateway_.use_of(key).has_value();
  if (!there) {
    if (request.again && (key.outbound || kept_.contains({plain(key), Event::kHard})))
      return {.status = MILLRACE_IKE_STALE,
              .text = "the gateway lost the " + text_of(key) + ": it needs new keys"};
    if (auto added = gateway_.add(std::move(request.spec)); !added) return refused(added.error());
  }
  if (resyncing_) told_.push_back(key);
  return {};
}

Answer Requests::answer(MoveAssociation& request, Reply& /*reply*/) {
  return outcome(gateway_.move(request.key, request.to));
}

Answer Requests::answer(RemoveAssociation& request, Reply& /*reply*/) {
  return outcome(gateway_.remove(request.key));
}

Answer Requests::answer(QueryAssociation& request, Reply& /*reply*/) {
  const auto use = gateway_.use_of(request.key);
  if (!use) return refused(use.error());
  return {.use = *use};
}

Answer Requests::answer(AddPolicy& request, Reply& /*reply*/) {
  if (auto added = gateway_.add(request.spec); !added) return refused(added.error());
  if (resyncing_) told_policies_.push_back(request.spec.key());
  return {};
}

Answer Requests::answer(RemovePolicy& request, Reply& /*reply*/) {
  return outcome(gateway_.remove(request.key));
}

Answer Requests::answer(QueryPolicy& request, Reply& /*reply*/) {
  const auto idle = gateway_.idle_seconds_of(request.key);
  if (!idle) return refused(idle.error());
  return {.use = {.bytes = 0, .packets = 0, .idle_seconds = *idle}};
}

Answer Requests::answer(FlushAssociations& /*request*/, Reply& /*reply*/) {
  gateway_.flush_associations();
  told_.clear();
  kept_.clear();
  return {};
}

Answer Requests::answer(FlushPolicies& /*request*/, Reply& /*reply*/) {
  gateway_.flush_policies();
  told_policies_.clear();
  return {};
}

Answer Requests::answer(ResyncBegin& /*request*/, Reply& /*reply*/) {
  resyncing_ = true;
  synchronized_ = false;
  gateway_.hold(true);
  told_.clear();
  told_policies_.clear();
  return {};
}

Answer Requests::answer(ResyncEnd& /*request*/, Reply& reply) {
  if (!resyncing_) return {.status = MILLRACE_IKE_MALFORMED, .text = "no resync had begun"};
  gateway_.keep_only(told_, told_policies_);
  gateway_.hold(false);
  reply.log = fmt::format("charon told all it has: {} associations, {} policies", told_.size(),
                          told_policies_.size());
  for (auto& [which, message] : kept_) reply.messages.push_back(std::move(message));
  kept_.clear();
  told_.clear();
  told_policies_.clear();
  resyncing_ = false;
  synchronized_ = true;
  return {};
}

Answer Requests::answer(Trouble& request, Reply& reply) {
  reply.log = request.connection.empty() ? "key exchange: " + request.text
                                         : fmt::format("connection {}: {}", request.connection, request.text);
  reply.trouble = std::move(request);
  return {};
}

void Requests::keep(const AssociationKey& which, Event event, Message message) {
  if (kept_.size() < kMostKept) kept_.insert_or_assign({plain(which), event}, std::move(message));
}

void Requests::keep_expired(const AssociationKey& which, std::uint32_t tunnel, bool hard) {
  keep(which, hard ? Event::kHard : Event::kSoft, write_expired(which, tunnel, hard));
}

void Requests::keep_mapping(const AssociationKey& which, std::uint32_t tunnel, const net::IpAddress& remote,
                            std::uint16_t remote_port) {
  keep(which, Event::kMapping, write_mapping(which, tunnel, remote, remote_port));
}

}  // namespace millrace::vpn::ike
