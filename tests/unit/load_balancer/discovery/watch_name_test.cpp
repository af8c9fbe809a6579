// SPDX-License-Identifier: BSD-3-Clause
#include <boost/asio/post.hpp>
#include <deque>

#include "tests/unit/load_balancer/discovery/heard.h"

namespace millrace::load_balancer::discovery::test {
namespace {

using namespace std::chrono_literals;

std::vector<net::IpAddress> addresses(const std::vector<const char*>& texts) {
  std::vector<net::IpAddress> made;
  for (const char* text : texts) made.push_back(*net::IpAddress::parse(text));
  return made;
}

class WatchName : public Heard {
 protected:
  // Gives the answers in their order, and the last one for ever.
  Lookup lookup(std::deque<Addresses> answers) {
    return [this, answers = std::move(answers)](const std::string& name,
                                                std::function<void(Addresses)> done) mutable {
      EXPECT_EQ(name, "web.example");
      ++lookups_;
      boost::asio::post(io_, [answer = answers.front(), done = std::move(done)] { done(answer); });
      if (answers.size() > 1) answers.pop_front();
    };
  }
  std::unique_ptr<BackendSource> watch(std::deque<Addresses> answers) {
    return watch_name(io_, "web.example", 1ms, listener(), lookup(std::move(answers)));
  }
  std::size_t lookups_ = 0;
};

TEST_F(WatchName, TellsOfNewAddressesWhateverTheirOrder) {
  const auto source =
      watch({addresses({"10.0.0.2", "10.0.0.1"}), addresses({"10.0.0.1", "10.0.0.2"}),
             addresses({"10.0.0.1", "10.0.0.2", "10.0.0.1"}), addresses({"2001:db8::1", "10.0.0.2"})});
  EXPECT_TRUE(heard_.empty());
  EXPECT_EQ(heard(1), "backends 10.0.0.1 10.0.0.2");
  EXPECT_EQ(lookups_, 1U);
  run_until([&] { return lookups_ == 4; });
  EXPECT_EQ(heard_.size(), 1U);
  run_until([&] { return heard_.size() == 2; });
  run_until([&] { return lookups_ == 10; });
  EXPECT_EQ(heard_.size(), 2U);
  EXPECT_NE(heard_[1].find(" 10.0.0.2"), std::string::npos);
  EXPECT_NE(heard_[1].find(" 2001:db8::1"), std::string::npos);
  EXPECT_EQ(heard_[1].find(" 10.0.0.1"), std::string::npos);
}

TEST_F(WatchName, AFailedOrEmptyLookupKeepsTheLastAnswer) {
  const auto source =
      watch({addresses({"10.0.0.1"}), tl::unexpected(std::string("Host not found")),
             tl::unexpected(std::string("Host not found")), addresses({}), addresses({"10.0.0.1"}),
             tl::unexpected(std::string("Host not found")), addresses({"10.0.0.2"})});
  EXPECT_EQ(heard(1), "backends 10.0.0.1");
  EXPECT_EQ(heard(2), "trouble look up web.example: Host not found");
  EXPECT_EQ(heard(3), "trouble look up web.example: it has no address");
  EXPECT_EQ(lookups_, 4U) << "the second of two that are alike was not told";
  EXPECT_EQ(heard(4), "well again");
  EXPECT_EQ(heard(5), "trouble look up web.example: Host not found");
  run_until([&] { return heard_.size() >= 7; });
  EXPECT_EQ(heard_.at(5), "well again");
  EXPECT_EQ(heard_.at(6), "backends 10.0.0.2");
}

TEST_F(WatchName, AnAnswerAfterItsEndIsToldToNobody) {
  std::function<void(Addresses)> late;
  auto source =
      watch_name(io_, "web.example", 1ms, listener(),
                 [&](const std::string&, std::function<void(Addresses)> done) { late = std::move(done); });
  source.reset();
  late(addresses({"10.0.0.1"}));
  io_.run();
  EXPECT_TRUE(heard_.empty());
}

TEST_F(WatchName, AsksTheSystem) {
  // What needs no server: addresses, and what cannot be a name.
  auto source = watch_name(io_, "192.0.2.7", 1h, listener(), system_lookup(io_));
  EXPECT_EQ(heard(1), "backends 192.0.2.7");
  source = watch_name(io_, "2001:db8::7", 1h, listener(), system_lookup(io_));
  EXPECT_EQ(heard(2), "backends 2001:db8::7");
  const std::string too_long(64, 'x');  // one byte more than a label may have (RFC 1035 section 2.3.4)
  source = watch_name(io_, too_long, 1h, listener(), system_lookup(io_));
  EXPECT_EQ(heard(3).substr(0, 81), "trouble look up " + too_long + ":");
}

}  // namespace
}  // namespace millrace::load_balancer::discovery::test
