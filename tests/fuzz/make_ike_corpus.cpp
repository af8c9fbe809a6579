// SPDX-License-Identifier: BSD-3-Clause
// What charon's plugin says in the life of a tunnel.
#include "tests/fuzz/corpus_writer.h"
#include "tests/support/ike_client.h"

namespace millrace::fuzz {
namespace {

namespace ike = test::ike;

std::string records(const std::vector<ike::Message>& messages) {
  std::string all;
  for (const ike::Message& message : messages) {
    all += static_cast<char>(message.size() & 0xffU);
    all += static_cast<char>(message.size() >> 8U);
    all.append(message.begin(), message.end());
  }
  return all;
}

}  // namespace

void write_vpn_ike_messages(Corpus& corpus) {
  const auto write = [&](const std::string& name, const std::string& text) {
    corpus.write("vpn_ike_messages", name, text);
  };
  const auto simple = [](millrace_ike_type type) { return ike::request(type, 2); };
  const auto begin = simple(MILLRACE_IKE_RESYNC_BEGIN);
  const auto end = simple(MILLRACE_IKE_RESYNC_END);
  const auto in = ike::inbound(0xc0000001);
  const auto out = ike::outbound(0xc0000002);
  write("empty", {});
  write("start", records({ike::hello(1), begin, end, simple(MILLRACE_IKE_ALLOCATE_SPI)}));
  write("tunnel",
        records({ike::hello(1), begin, end, ike::add(3, in, MILLRACE_IKE_UDP),
                 ike::add(4, out, MILLRACE_IKE_EXTENDED), ike::add_policy(5, 1000),
                 ike::request(MILLRACE_IKE_QUERY_ASSOCIATION, 6, in),
                 ike::request(MILLRACE_IKE_QUERY_POLICY, 7, ike::which_policy(1000)),
                 ike::request(
                     MILLRACE_IKE_MOVE_ASSOCIATION, 8,
                     millrace_ike_move{out, ike::address("2001:db8::1"), ike::address("2001:db8::2"), 0, {}}),
                 ike::request(MILLRACE_IKE_REMOVE_POLICY, 9, ike::which_policy(1000)),
                 ike::request(MILLRACE_IKE_REMOVE_ASSOCIATION, 10, in)}));
  write("resync", records({ike::hello(1), begin, ike::add(3, in, MILLRACE_IKE_AGAIN),
                           ike::add(4, out, MILLRACE_IKE_AGAIN), ike::add_policy(5, 1000), end,
                           simple(MILLRACE_IKE_FLUSH_POLICIES), simple(MILLRACE_IKE_FLUSH_ASSOCIATIONS)}));
  write("no_hello", records({begin, ike::add(3, in), ike::hello(1), ike::hello(2)}));
  write("version_two", records({{2, 0, 1, 0, 1, 0, 0, 0, 12, 0, 0, 0}}));
}

}  // namespace millrace::fuzz
