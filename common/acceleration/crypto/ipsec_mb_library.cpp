// SPDX-License-Identifier: BSD-3-Clause
// Intel's multi-buffer library, called directly: a device of cryptodev in between costs more per packet than
// a short packet's cipher.
#include <algorithm>
#include <array>
#include <cstring>
#include <new>

#include <fmt/format.h>
#include <intel-ipsec-mb.h>
#include <openssl/crypto.h>

#include "common/acceleration/crypto/engine.h"
#include "common/acceleration/crypto/key_memory.h"

namespace millrace::crypto {
namespace {

constexpr std::size_t kRoundKeys = 15 * IMB_AES_BLOCK_SIZE;

// Of the keyed hash: its state after the first block, inside and outside (RFC 2104).
struct alignas(64) HashKey {
  std::array<std::uint8_t, IMB_SHA512_DIGEST_SIZE_IN_BYTES> inner;
  std::array<std::uint8_t, IMB_SHA512_DIGEST_SIZE_IN_BYTES> outer;
};

struct AesKey {
  alignas(64) std::array<std::uint8_t, kRoundKeys> encrypt;
  alignas(64) std::array<std::uint8_t, kRoundKeys> decrypt;
};

struct alignas(64) Material {
  HashKey hash;
  union {
    gcm_key_data gcm;
    AesKey aes;
    std::array<std::uint8_t, 32> chacha20;
  };
};

struct ManagerDeleter {
  void operator()(IMB_MGR* manager) const noexcept { free_mb_mgr(manager); }
};
using Manager = std::unique_ptr<IMB_MGR, ManagerDeleter>;

Result<Manager> make_manager() {
  Manager manager(alloc_mb_mgr(0));
  if (!manager) return failure("start IPsec-MB", "no memory");
  IMB_ARCH architecture = IMB_ARCH_NONE;
  init_mb_mgr_auto(manager.get(), &architecture);
  if (architecture == IMB_ARCH_NONE || imb_get_errno(manager.get()) != 0)
    return failure("start IPsec-MB", "the processor lacks the instructions for AES");
  return manager;
}

// Where the material is made, what of it a suite reads.
Bytes read_of(Suite suite, const void* slot) noexcept {
  const auto* const begin = static_cast<const std::uint8_t*>(slot);
  constexpr std::size_t kHash = sizeof(HashKey);
  switch (suite.cipher) {
    case Cipher::kAesGcm128:
    case Cipher::kAesGcm192:
    case Cipher::kAesGcm256:
      return {begin + kHash, sizeof(gcm_key_data)};
    case Cipher::kChaCha20Poly1305:
      return {begin + kHash, sizeof(Material::chacha20)};
    default:
      return {begin, kHash + sizeof(AesKey)};
  }
}

class IpsecMbKey final : public Key {
 public:
  IpsecMbKey(Suite suite, KeyMemory& memory, void* slot) noexcept
      : Key(suite, read_of(suite, slot)),
        key_bytes(sizes_of(suite).cipher_key),
        material(*new (slot) Material),
        memory_(memory) {}
  ~IpsecMbKey() override { memory_.give_back(&material); }

  std::uint8_t key_bytes;
  Material& material;

 private:
  KeyMemory& memory_;
};

const IpsecMbKey& ipsec_mb_key(const Operation& operation) noexcept {
  return static_cast<const IpsecMbKey&>(*operation.key);
}

IMB_HASH_ALG hash_of(Integrity integrity) noexcept {
  switch (integrity) {
    case Integrity::kHmacSha1:
      return IMB_AUTH_HMAC_SHA_1;
    case Integrity::kHmacSha256:
      return IMB_AUTH_HMAC_SHA_256;
    case Integrity::kHmacSha384:
      return IMB_AUTH_HMAC_SHA_384;
    case Integrity::kHmacSha512:
      return IMB_AUTH_HMAC_SHA_512;
    case Integrity::kNone:
      break;
  }
  return IMB_AUTH_NULL;
}

IMB_CIPHER_MODE mode_of(Cipher cipher) noexcept {
  switch (cipher) {
    case Cipher::kAesCbc128:
    case Cipher::kAesCbc192:
    case Cipher::kAesCbc256:
      return IMB_CIPHER_CBC;
    case Cipher::kAesCtr128:
    case Cipher::kAesCtr192:
    case Cipher::kAesCtr256:
      return IMB_CIPHER_CNTR;
    case Cipher::kChaCha20Poly1305:
      return IMB_CIPHER_CHACHA20_POLY1305;
    default:
      return IMB_CIPHER_NULL;
  }
}

bool is_gcm(Cipher cipher) noexcept { return cipher <= Cipher::kAesGcm256; }

class IpsecMbEngine final : public Engine {
 public:
  explicit IpsecMbEngine(Manager manager) noexcept : manager_(std::move(manager)) {}

  void seal(std::span<const Operation> operations) noexcept override {
    for (std::size_t i = 0; i < operations.size(); ++i) {
      const Operation& one = operations[i];
      if (i + 1 < operations.size()) prefetch_text(operations[i + 1]);
      if (is_gcm(one.key->suite().cipher)) [[likely]] {
        seal_gcm(one);
      } else {
        submit(one, IMB_DIR_ENCRYPT, one.tag);
      }
    }
    finish();
  }

  std::uint64_t open(std::span<const Operation> operations) noexcept override {
    for (std::size_t i = 0; i < operations.size(); ++i) {
      const Operation& one = operations[i];
      if (i + 1 < operations.size()) prefetch_text(operations[i + 1]);
      if (is_gcm(one.key->suite().cipher)) [[likely]] {
        open_gcm(one, tags_[i].data());
      } else {
        submit(one, IMB_DIR_DECRYPT, tags_[i].data());
      }
    }
    finish();
    std::uint64_t right = 0;
    for (std::size_t i = 0; i < operations.size(); ++i) {
      const Operation& one = operations[i];
      const bool same = CRYPTO_memcmp(tags_[i].data(), one.tag, one.key->tag_bytes()) == 0;
      right |= std::uint64_t{same} << i;
    }
    return right;
  }

 private:
  // While one is worked on, the next one comes from memory.
  static void prefetch_text(const Operation& one) noexcept {
    constexpr std::uint32_t kLine = 64;
    constexpr std::uint32_t kMost = 2048;
    const std::uint32_t bytes = std::min(one.text_bytes, kMost);
    for (std::uint32_t at = 0; at < bytes; at += kLine) __builtin_prefetch(one.text + at, 1);
  }

  void seal_gcm(const Operation& one) noexcept {
    const IpsecMbKey& key = ipsec_mb_key(one);
    const auto run = key.key_bytes == 16   ? manager_->gcm128_enc
                     : key.key_bytes == 24 ? manager_->gcm192_enc
                                           : manager_->gcm256_enc;
    run(&key.material.gcm, &gcm_, one.text, one.text, one.text_bytes, one.iv, one.covered, one.covered_bytes,
        one.tag, key.tag_bytes());
  }
  void open_gcm(const Operation& one, std::uint8_t* tag) noexcept {
    const IpsecMbKey& key = ipsec_mb_key(one);
    const auto run = key.key_bytes == 16   ? manager_->gcm128_dec
                     : key.key_bytes == 24 ? manager_->gcm192_dec
                                           : manager_->gcm256_dec;
    run(&key.material.gcm, &gcm_, one.text, one.text, one.text_bytes, one.iv, one.covered, one.covered_bytes,
        tag, key.tag_bytes());
  }

  // Done by finish() at the latest: the library waits for others that it can do beside it.
  void submit(const Operation& one, IMB_CIPHER_DIRECTION direction, std::uint8_t* tag) noexcept {
    const IpsecMbKey& key = ipsec_mb_key(one);
    const Material& material = key.material;
    IMB_JOB& job = *IMB_GET_NEXT_JOB(manager_.get());
    // The library's lanes do not take a text of no bytes.
    job.cipher_mode = one.text_bytes != 0 ? mode_of(key.suite().cipher) : IMB_CIPHER_NULL;
    job.cipher_direction = direction;
    job.chain_order = direction == IMB_DIR_ENCRYPT ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
    job.key_len_in_bytes = key.key_bytes;
    job.iv = one.iv;
    job.dst = one.text;
    job.msg_len_to_cipher_in_bytes = one.text_bytes;
    job.auth_tag_output = tag;
    job.auth_tag_output_len_in_bytes = key.tag_bytes();
    if (key.suite().cipher == Cipher::kChaCha20Poly1305) {
      job.cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
      job.enc_keys = job.dec_keys = material.chacha20.data();
      job.iv_len_in_bytes = 12;
      job.src = one.text;
      job.cipher_start_src_offset_in_bytes = job.hash_start_src_offset_in_bytes = 0;
      job.msg_len_to_hash_in_bytes = one.text_bytes;
      job.hash_alg = IMB_AUTH_CHACHA20_POLY1305;
      job.u.CHACHA20_POLY1305.aad = one.covered;
      job.u.CHACHA20_POLY1305.aad_len_in_bytes = one.covered_bytes;
    } else {
      job.enc_keys = material.aes.encrypt.data();
      // Counter mode is its own inverse.
      job.dec_keys =
          job.cipher_mode == IMB_CIPHER_CBC ? material.aes.decrypt.data() : material.aes.encrypt.data();
      job.iv_len_in_bytes = IMB_AES_BLOCK_SIZE;
      job.src = one.covered;
      job.cipher_start_src_offset_in_bytes = static_cast<std::uint64_t>(one.text - one.covered);
      job.hash_start_src_offset_in_bytes = 0;
      job.msg_len_to_hash_in_bytes = one.covered_bytes;
      job.hash_alg = hash_of(key.suite().integrity);
      job.u.HMAC._hashed_auth_key_xor_ipad = material.hash.inner.data();
      job.u.HMAC._hashed_auth_key_xor_opad = material.hash.outer.data();
    }
    (void)IMB_SUBMIT_JOB_NOCHECK(manager_.get());
  }
  void finish() noexcept {
    while (IMB_FLUSH_JOB(manager_.get()) != nullptr) {
    }
  }

  Manager manager_;
  gcm_context_data gcm_{};
  std::array<std::array<std::uint8_t, kMostTagBytes>, kMostOperations> tags_{};
};

class IpsecMbLibrary final : public Library {
 public:
  explicit IpsecMbLibrary(Manager manager) noexcept : manager_(std::move(manager)), memory_(kSlotBytes) {}

  std::string description() const override {
    const bool vaes = (manager_->features & IMB_FEATURE_VAES) != 0;
    std::string_view instructions = "SSE";
    switch (static_cast<IMB_ARCH>(manager_->used_arch)) {
      case IMB_ARCH_AVX:
        instructions = "AVX";
        break;
      case IMB_ARCH_AVX2:
        instructions = "AVX2";
        break;
      case IMB_ARCH_AVX512:
        instructions = "AVX-512";
        break;
      default:
        break;
    }
    std::string_view version = imb_get_version_str();
    if (version.starts_with('v')) version.remove_prefix(1);
    return fmt::format("IPsec-MB {} with {}{}{}", version, instructions, vaes ? " and VAES" : "",
                       memory_.is_locked() ? "" : "; keys can not be kept out of swap");
  }

  Result<std::unique_ptr<Key>> make_key(Suite suite, Bytes cipher_key, Bytes integrity_key) override {
    if (auto sizes = check_key_sizes(suite, cipher_key, integrity_key); !sizes)
      return tl::unexpected(sizes.error());
    auto slot = memory_.take();
    if (!slot) return tl::unexpected(slot.error());
    auto key = std::make_unique<IpsecMbKey>(suite, memory_, *slot);
    const std::scoped_lock lock(mutex_);
    expand_cipher(key->material, suite.cipher, cipher_key);
    if (suite.integrity != Integrity::kNone) expand_hash(key->material.hash, suite.integrity, integrity_key);
    return key;
  }

  Result<std::unique_ptr<Engine>> make_engine() override {
    auto manager = make_manager();
    if (!manager) return tl::unexpected(manager.error());
    return std::make_unique<IpsecMbEngine>(std::move(*manager));
  }

 private:
  static constexpr std::size_t kSlotBytes = sizeof(Material);

  void expand_cipher(Material& into, Cipher cipher, Bytes key) noexcept {
    if (cipher == Cipher::kChaCha20Poly1305) {
      std::ranges::copy(key, into.chacha20.begin());
      return;
    }
    const bool gcm = is_gcm(cipher);
    AesKey& aes = into.aes;
    switch (key.size()) {
      case 16:
        gcm ? IMB_AES128_GCM_PRE(manager_.get(), key.data(), &into.gcm)
            : IMB_AES_KEYEXP_128(manager_.get(), key.data(), aes.encrypt.data(), aes.decrypt.data());
        break;
      case 24:
        gcm ? IMB_AES192_GCM_PRE(manager_.get(), key.data(), &into.gcm)
            : IMB_AES_KEYEXP_192(manager_.get(), key.data(), aes.encrypt.data(), aes.decrypt.data());
        break;
      case 32:
        gcm ? IMB_AES256_GCM_PRE(manager_.get(), key.data(), &into.gcm)
            : IMB_AES_KEYEXP_256(manager_.get(), key.data(), aes.encrypt.data(), aes.decrypt.data());
        break;
      default:  // null
        break;
    }
  }

  // RFC 2104 section 4.
  void expand_hash(HashKey& into, Integrity integrity, Bytes key) noexcept {
    std::array<std::uint8_t, IMB_SHA_512_BLOCK_SIZE> block;
    const auto run = [&](std::uint8_t pad, std::uint8_t* state) {
      block.fill(pad);
      for (std::size_t i = 0; i < key.size(); ++i) block[i] ^= key[i];
      switch (integrity) {
        case Integrity::kHmacSha1:
          return IMB_SHA1_ONE_BLOCK(manager_.get(), block.data(), state);
        case Integrity::kHmacSha256:
          return IMB_SHA256_ONE_BLOCK(manager_.get(), block.data(), state);
        case Integrity::kHmacSha384:
          return IMB_SHA384_ONE_BLOCK(manager_.get(), block.data(), state);
        default:
          return IMB_SHA512_ONE_BLOCK(manager_.get(), block.data(), state);
      }
    };
    run(0x36, into.inner.data());
    run(0x5c, into.outer.data());
    OPENSSL_cleanse(block.data(), block.size());
  }

  std::mutex mutex_;
  Manager manager_;
  KeyMemory memory_;
};

}  // namespace

Result<std::unique_ptr<Library>> make_ipsec_mb_library() {
  auto manager = make_manager();
  if (!manager) return tl::unexpected(manager.error());
  return std::make_unique<IpsecMbLibrary>(std::move(*manager));
}

}  // namespace millrace::crypto
