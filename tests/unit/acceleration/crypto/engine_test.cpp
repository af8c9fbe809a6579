// SPDX-License-Identifier: BSD-3-Clause
// Published vectors, and IPsec-MB against OpenSSL.
#include "common/acceleration/crypto/engine.h"

#include <functional>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/hex.h"

namespace millrace::crypto {
namespace {

using testing::hex;
using testing::Octets;

Octets octets(std::string_view text) { return {text.begin(), text.end()}; }

std::unique_ptr<Library> ipsec_mb() {
  auto made = make_ipsec_mb_library();
  EXPECT_TRUE(made) << made.error().message();
  return std::move(*made);
}
std::unique_ptr<Library> openssl() {
  auto made = make_openssl_library();
  EXPECT_TRUE(made);
  return std::move(*made);
}

// One packet with room around it: what is covered in front, the text, what is covered behind, the tag.
struct Packet {
  Octets front;
  Octets text;
  Octets behind;  // of suites with a hash
  Octets iv;
  Octets tag;
  Octets run = {};  // of suites with a hash: front, text and behind as one

  Operation operation(const Key& key) {
    tag.resize(key.tag_bytes());
    Operation one{.key = &key, .iv = iv.data(), .tag = tag.data()};
    if (is_aead(key.suite().cipher)) {
      one.text = text.data();
      one.covered = front.data();
      one.covered_bytes = static_cast<std::uint32_t>(front.size());
    } else {
      run = front;
      run.insert(run.end(), text.begin(), text.end());
      run.insert(run.end(), behind.begin(), behind.end());
      one.text = run.data() + front.size();
      one.covered = run.data();
      one.covered_bytes = static_cast<std::uint32_t>(run.size());
    }
    one.text_bytes = static_cast<std::uint32_t>(text.size());
    return one;
  }
  void take_back(const Operation& one) { text.assign(one.text, one.text + one.text_bytes); }
};

void seal(Engine& engine, const Key& key, Packet& packet) {
  const Operation one = packet.operation(key);
  engine.seal({&one, 1});
  packet.take_back(one);
}
bool open(Engine& engine, const Key& key, Packet& packet) {
  const Operation one = packet.operation(key);
  const bool right = engine.open({&one, 1}) == 1;
  packet.take_back(one);
  return right;
}

struct Vector {
  std::string name;
  Suite suite;
  Octets key, hash_key, iv, front, plain, sealed, tag;
};

// McGrew and Viega, The Galois/Counter Mode of Operation, appendix B, test cases 4, 10 and 16.
const std::string kGcmKey = "feffe9928665731c6d6a8f9467308308";
const std::string kGcmPlain =
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525"
    "b16aedf5aa0de657ba637b39";
const std::string kGcmFront = "feedfacedeadbeeffeedfacedeadbeefabaddad2";
const std::string kGcmIv = "cafebabefacedbaddecaf888";

std::vector<Vector> vectors() {
  const auto gcm = [](std::string name, Cipher cipher, const std::string& key, std::string_view sealed,
                      std::string_view tag) {
    return Vector{std::move(name), {cipher, Integrity::kNone},
                  hex(key),        {},
                  hex(kGcmIv),     hex(kGcmFront),
                  hex(kGcmPlain),  hex(sealed),
                  hex(tag)};
  };
  // RFC 4231 section 4.2 and RFC 2202 section 3, test cases 1; as many bytes as ESP takes.
  const auto hash = [](std::string name, Integrity integrity, std::string_view tag) {
    return Vector{std::move(name),    {Cipher::kNull, integrity}, {},      Octets(20, 0x0b), {}, {},
                  octets("Hi There"), octets("Hi There"),         hex(tag)};
  };
  return {
      gcm("gcm128", Cipher::kAesGcm128, kGcmKey,
          "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa05"
          "1ba30b396a0aac973d58e091",
          "5bc94fbc3221a5db94fae95ae7121a47"),
      gcm("gcm192", Cipher::kAesGcm192, kGcmKey + "feffe9928665731c",
          "3980ca0b3c00e841eb06fac4872a2757859e1ceaa6efd984628593b40ca1e19c7d773d00c144c525ac619d18c84a3f47"
          "18e2448b2fe324d9ccda2710",
          "2519498e80f1478f37ba55bd6d27618c"),
      gcm("gcm256", Cipher::kAesGcm256, kGcmKey + kGcmKey,
          "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838"
          "c5f61e6393ba7a0abcc9f662",
          "76fc6ece0f4e1768cddf8853bb2d551b"),
      // RFC 8439 section 2.8.2.
      {"chacha20",
       {Cipher::kChaCha20Poly1305, Integrity::kNone},
       hex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"),
       {},
       hex("070000004041424344454647"),
       hex("50515253c0c1c2c3c4c5c6c7"),
       octets("Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
              "sunscreen would be it."),
       hex("d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b"
           "1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
           "3ff4def08e4b7a9de576d26586cec64b6116"),
       hex("1ae10b594f09e26a7e902ecbd0600691")},
      hash("sha1", Integrity::kHmacSha1, "b617318655057264e28bc0b6"),
      hash("sha256", Integrity::kHmacSha256, "b0344c61d8db38535ca8afceaf0bf12b"),
      hash("sha384", Integrity::kHmacSha384, "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec6"),
      hash("sha512", Integrity::kHmacSha512,
           "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"),
      // RFC 3602 section 4, case 1, and RFC 3686 section 6, test vector 1, which have no tag.
      {"cbc128",
       {Cipher::kAesCbc128, Integrity::kHmacSha256},
       hex("06a9214036b8a15b512e03d534120006"),
       Octets(32, 1),
       hex("3dafba429d9eb430b422da802c9fac41"),
       {},
       octets("Single block msg"),
       hex("e353779c1079aeb82708942dbe77181a"),
       {}},
      {"ctr128",
       {Cipher::kAesCtr128, Integrity::kHmacSha256},
       hex("ae6852f8121067cc4bf7a5765577f39e"),
       Octets(32, 1),
       hex("00000030000000000000000000000001"),
       {},
       octets("Single block msg"),
       hex("e4095d4fb7a7b3792d6175a3261311b8"),
       {}},
  };
}

void expect_vector(Library& library, const Vector& of) {
  SCOPED_TRACE(of.name + " by " + library.description());
  const auto key = library.make_key(of.suite, of.key, of.hash_key);
  ASSERT_TRUE(key) << key.error().message();
  const auto engine = library.make_engine();
  ASSERT_TRUE(engine);
  Packet packet{.front = of.front, .text = of.plain, .behind = {}, .iv = of.iv, .tag = {}};
  seal(**engine, **key, packet);
  EXPECT_EQ(packet.text, of.sealed);
  if (!of.tag.empty()) {
    EXPECT_EQ(packet.tag, of.tag);
  }
  EXPECT_TRUE(open(**engine, **key, packet));
  EXPECT_EQ(packet.text, of.plain);
}

TEST(Engine, IpsecMbGivesThePublishedResults) {
  const auto library = ipsec_mb();
  for (const Vector& one : vectors()) expect_vector(*library, one);
}

TEST(Engine, OpensslGivesThePublishedResults) {
  const auto library = openssl();
  for (const Vector& one : vectors()) expect_vector(*library, one);
}

class EachSuite : public ::testing::TestWithParam<Suite> {
 public:
  EachSuite()
      : random_(static_cast<unsigned>(GetParam().cipher) * 16 + static_cast<unsigned>(GetParam().integrity)) {
  }

  Octets bytes(std::size_t count) {
    Octets some(count);
    for (std::uint8_t& one : some) one = static_cast<std::uint8_t>(random_());
    return some;
  }
  // A text of at most so many bytes.
  Packet packet(std::size_t length) {
    const SuiteSizes sizes = sizes_of(GetParam());
    return {.front = bytes(is_aead(GetParam().cipher) ? (length % 2 == 0 ? 8 : 12) : 8 + sizes.packet_iv),
            .text = bytes(length / sizes.block * sizes.block),
            .behind = bytes(length % 3 == 0 ? 4 : 0),
            .iv = bytes(sizes.nonce),
            .tag = {}};
  }
  std::unique_ptr<Key> key_of(Library& library, const Octets& cipher, const Octets& integrity) {
    auto key = library.make_key(GetParam(), cipher, integrity);
    EXPECT_TRUE(key) << key.error().message();
    return std::move(*key);
  }

 protected:
  std::mt19937 random_;
  std::unique_ptr<Library> fast_ = ipsec_mb();
  std::unique_ptr<Library> reference_ = openssl();
  std::unique_ptr<Engine> fast_engine_ = std::move(*fast_->make_engine());
  std::unique_ptr<Engine> reference_engine_ = std::move(*reference_->make_engine());
  Octets cipher_key_ = bytes(sizes_of(GetParam()).cipher_key);
  Octets integrity_key_ = bytes(sizes_of(GetParam()).integrity_key);
  std::unique_ptr<Key> fast_key_ = key_of(*fast_, cipher_key_, integrity_key_);
  std::unique_ptr<Key> reference_key_ = key_of(*reference_, cipher_key_, integrity_key_);
};

INSTANTIATE_TEST_SUITE_P(Each, EachSuite, ::testing::ValuesIn(suites().begin(), suites().end()),
                         [](const auto& one) {
                           return std::string(name(one.param.cipher)) +
                                  std::string(name(one.param.integrity));
                         });

TEST_P(EachSuite, IsTheSameForBothLibrariesAtEveryLength) {
  std::vector<std::size_t> lengths;
  for (std::size_t i = 0; i <= 300; ++i) lengths.push_back(i);
  lengths.insert(lengths.end(), {511, 512, 1023, 1024, 1391, 1420, 2047, 4096, 8999, 9216, 16'000});
  for (const std::size_t length : lengths) {
    SCOPED_TRACE(length);
    const Packet plain = packet(length);
    Packet fast = plain;
    Packet reference = plain;
    seal(*fast_engine_, *fast_key_, fast);
    seal(*reference_engine_, *reference_key_, reference);
    ASSERT_EQ(fast.text, reference.text);
    ASSERT_EQ(fast.tag, reference.tag);
    ASSERT_TRUE(open(*fast_engine_, *fast_key_, reference));
    ASSERT_EQ(reference.text, plain.text);
    ASSERT_TRUE(open(*reference_engine_, *reference_key_, fast));
    ASSERT_EQ(fast.text, plain.text);
  }
}

TEST_P(EachSuite, NoBitMayBeAnother) {
  const Packet plain = packet(96);
  Packet sealed = plain;
  seal(*fast_engine_, *fast_key_, sealed);
  const auto refused = [&](const std::function<Octets&(Packet&)>& part) {
    const std::size_t bits = part(sealed).size() * 8;
    for (std::size_t bit = 0; bit < bits; bit += 7) {
      Packet forged = sealed;
      part(forged)[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
      Packet again = forged;
      EXPECT_FALSE(open(*fast_engine_, *fast_key_, forged)) << bit;
      EXPECT_FALSE(open(*reference_engine_, *reference_key_, again)) << bit;
    }
  };
  refused([](Packet& p) -> Octets& { return p.text; });
  refused([](Packet& p) -> Octets& { return p.tag; });
  refused([](Packet& p) -> Octets& { return p.front; });
  if (!is_aead(GetParam().cipher)) refused([](Packet& p) -> Octets& { return p.behind; });
  if (is_aead(GetParam().cipher)) refused([](Packet& p) -> Octets& { return p.iv; });
}

TEST_P(EachSuite, AnotherKeyOpensNothing) {
  Packet sealed = packet(96);
  seal(*fast_engine_, *fast_key_, sealed);
  Octets other = is_aead(GetParam().cipher) ? cipher_key_ : integrity_key_;
  other.back() ^= 1;
  const auto key =
      is_aead(GetParam().cipher) ? key_of(*fast_, other, integrity_key_) : key_of(*fast_, cipher_key_, other);
  EXPECT_FALSE(open(*fast_engine_, *key, sealed));
}

// Many packets of all suites, each under a key of its own, some of them forged: in one call.
TEST(Engine, ABurstOfAllSuitesIsAsOneByOne) {
  const auto fast = ipsec_mb();
  const auto reference = openssl();
  const auto fast_engine = std::move(*fast->make_engine());
  const auto reference_engine = std::move(*reference->make_engine());
  std::mt19937 random(7);
  const auto bytes = [&](std::size_t count) {
    Octets some(count);
    for (std::uint8_t& one : some) one = static_cast<std::uint8_t>(random());
    return some;
  };
  for (unsigned round = 0; round < 40; ++round) {
    std::vector<Packet> packets;
    std::vector<Octets> plain;
    std::vector<std::unique_ptr<Key>> keys;
    const std::size_t count = 1 + random() % Engine::kMostOperations;
    for (std::size_t i = 0; i < count; ++i) {
      const Suite suite = suites()[random() % suites().size()];
      const SuiteSizes sizes = sizes_of(suite);
      const Octets cipher_key = bytes(sizes.cipher_key);
      const Octets integrity_key = bytes(sizes.integrity_key);
      keys.push_back(std::move(*fast->make_key(suite, cipher_key, integrity_key)));
      packets.push_back({.front = bytes(8),
                         .text = bytes(random() % 90 * 16),
                         .behind = {},
                         .iv = bytes(sizes.nonce),
                         .tag = {}});
      plain.push_back(packets.back().text);
      Packet alone = packets.back();
      const auto key = std::move(*reference->make_key(suite, cipher_key, integrity_key));
      seal(*reference_engine, *key, alone);
      packets.back().run = alone.text;  // what is expected, until it is sealed itself
    }
    std::vector<Octets> expected;
    for (const Packet& one : packets) expected.push_back(one.run);
    std::vector<Operation> operations;
    for (std::size_t i = 0; i < count; ++i) operations.push_back(packets[i].operation(*keys[i]));
    fast_engine->seal(operations);
    std::uint64_t forged = 0;
    for (std::size_t i = 0; i < count; ++i) {
      ASSERT_EQ(Octets(operations[i].text, operations[i].text + operations[i].text_bytes), expected[i]);
      if (random() % 3 != 0) continue;
      forged |= std::uint64_t{1} << i;
      operations[i].tag[random() % keys[i]->tag_bytes()] ^= 0x10;
    }
    const std::uint64_t all = count == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
    EXPECT_EQ(fast_engine->open(operations), all & ~forged);
    for (std::size_t i = 0; i < count; ++i) {
      if ((forged >> i & 1U) != 0) continue;
      ASSERT_EQ(Octets(operations[i].text, operations[i].text + operations[i].text_bytes), plain[i]);
    }
  }
}

TEST(Library, RefusesKeysOfAnotherSize) {
  for (const auto& library : {ipsec_mb(), openssl()}) {
    const auto error = [&](Suite suite, std::size_t cipher, std::size_t integrity) {
      const auto made = library->make_key(suite, Octets(cipher), Octets(integrity));
      return made ? std::string() : made.error().message();
    };
    EXPECT_EQ(error({Cipher::kAesGcm128, Integrity::kNone}, 32, 0),
              "make a key for aes128gcm16: the cipher's key has 32 bytes, it takes 16");
    EXPECT_EQ(error({Cipher::kAesCbc256, Integrity::kHmacSha256}, 32, 33),
              "make a key for aes256-sha256: the hash's key has 33 bytes, it takes 32");
    EXPECT_EQ(error({Cipher::kAesCbc256, Integrity::kHmacSha256}, 32, 0),
              "make a key for aes256-sha256: the hash's key has 0 bytes, it takes 32");
    EXPECT_EQ(error({Cipher::kAesCbc256, Integrity::kNone}, 32, 0),
              "make a key for aes256: the cipher needs a hash with it");
    EXPECT_EQ(error({Cipher::kAesGcm256, Integrity::kHmacSha1}, 32, 20),
              "make a key for aes256gcm16-sha1: the cipher has a tag of its own and takes no hash");
  }
}

TEST(Library, SaysWhatItIs) {
  EXPECT_TRUE(ipsec_mb()->description().starts_with("IPsec-MB 1.")) << ipsec_mb()->description();
  EXPECT_TRUE(openssl()->description().starts_with("OpenSSL 3.")) << openssl()->description();
  const auto fastest = make_fastest_library();
  ASSERT_TRUE(fastest);
  EXPECT_EQ((*fastest)->description(), ipsec_mb()->description());
}

}  // namespace
}  // namespace millrace::crypto
