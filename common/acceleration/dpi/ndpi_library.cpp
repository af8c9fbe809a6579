// SPDX-License-Identifier: BSD-3-Clause
#include "common/acceleration/dpi/ndpi_library.h"

#include <cstdlib>
#include <cstring>
#include <ctime>
#include <mutex>

#include <fmt/format.h>
#include <gcrypt.h>
#include <ndpi_api.h>

namespace millrace::dpi::ndpi {
namespace {

thread_local constinit Binding* bound = nullptr;

// NOLINTBEGIN(cppcoreguidelines-no-malloc): what the libraries do when nobody says otherwise.
// What the libraries call. On a thread of the data path an arena is bound whenever they are at work.
void* allocate(std::size_t size) { return bound != nullptr ? bound->take(size) : std::malloc(size); }

void* reallocate(void* block, std::size_t size) {
  return bound != nullptr ? bound->resize(block, size) : std::realloc(block, size);
}

void release(void* block) {
  if (bound != nullptr)
    bound->give_back(block);
  else
    std::free(block);
}
// NOLINTEND(cppcoreguidelines-no-malloc)

int is_locked_memory(const void* /*block*/) { return 0; }

// Whether a name looks made by a machine is nobody's question here, and long to answer.
int no_made_up_name(const char* /*name*/, int /*is_hostname*/) { return 0; }

void prepare_process() {
  static std::once_flag once;
  std::call_once(once, [] {
    set_ndpi_malloc(allocate);
    set_ndpi_free(release);
    set_ndpi_flow_malloc(allocate);
    set_ndpi_flow_free(release);
    gcry_set_allocation_handler(allocate, allocate, is_locked_memory, reallocate, release);
    ndpi_dga_function = no_made_up_name;
    tzset();  // timegm() reads files at its first use
    char text[] = "text";
    char found[8];
    ndpi_has_human_readeable_string(nullptr, text, sizeof text, 4, found, sizeof found);  // fills a table
  });
}

// Where nDPI keeps what one session says for the next ones from or to the same addresses. It makes them at
// first use, and bigger. See forget_sessions().
template <class DoWith>
void with_each_cache(ndpi_detection_module_struct& module, DoWith do_with) {
  do_with(module.ookla_cache);
  do_with(module.bittorrent_cache);
  do_with(module.zoom_cache);
  do_with(module.stun_cache);
  do_with(module.tls_cert_cache);
  do_with(module.mining_cache);
  do_with(module.msteams_cache);
}

bool make_caches(ndpi_detection_module_struct& module) {
  bool made = true;
  with_each_cache(module, [&made](ndpi_lru_cache*& cache) {
    cache = ndpi_lru_cache_init(1);
    made = made && cache != nullptr;
  });
  return made;
}

std::mutex& making() {
  static std::mutex mutex;
  return mutex;
}

}  // namespace

void CloseModule::operator()(ndpi_detection_module_struct* module) const {
  const std::lock_guard lock(making());
  ndpi_exit_detection_module(module);
}

Result<Module> make_module() {
  const std::string attempt = "prepare to name applications";
  if (ndpi_get_api_version() != NDPI_API_VERSION ||
      ndpi_get_ndpi_detection_module_size() != sizeof(ndpi_detection_module_struct) ||
      ndpi_detection_get_sizeof_ndpi_flow_struct() != sizeof(ndpi_flow_struct))
    return failure(attempt, fmt::format("this is built for another nDPI than {}", ndpi_revision()));
  std::unique_lock lock(making());
  prepare_process();
  ndpi_detection_module_struct* made = ndpi_init_detection_module(ndpi_no_prefs);
  const bool whole = made != nullptr && make_caches(*made);
  if (whole) {
    NDPI_PROTOCOL_BITMASK wanted;
    NDPI_BITMASK_SET_ALL(wanted);
    // It keeps a list of its own of whom it saw, which it allocates as packets go by.
    wanted.fds_bits[NDPI_PROTOCOL_TINC / 32] &= ~(1U << (NDPI_PROTOCOL_TINC % 32));
    ndpi_set_protocol_detection_bitmask2(made, &wanted);
    ndpi_set_detection_preferences(made, ndpi_pref_direction_detect_disable, 1);
    ndpi_finalize_initialization(made);
  }
  lock.unlock();
  Module module(made);
  if (!whole) return failure(attempt, "there is no memory");
  return module;
}

void forget_sessions(ndpi_detection_module_struct& module) noexcept {
  with_each_cache(module, [](ndpi_lru_cache* cache) { cache->entries[0].is_full = 0; });
}

Binding::Binding(BlockArena& arena, BlockArena::Holder& holder, std::size_t most_bytes) noexcept
    : arena_(arena), holder_(holder), most_bytes_(most_bytes) {
  bound = this;
}

Binding::~Binding() { bound = nullptr; }

void* Binding::resize(void* block, std::size_t size) noexcept {
  const std::size_t old = block == nullptr ? 0 : arena_.size_of(block, holder_);
  if (block != nullptr && old == 0) {
    ++strays_;
    return nullptr;
  }
  void* moved = take(size);
  if (moved == nullptr || block == nullptr) return moved;
  std::memcpy(moved, block, old < size ? old : size);
  give_back(block);
  return moved;
}

void Binding::give_back(void* block) noexcept {
  if (block != nullptr && !arena_.give_back(block, holder_)) ++strays_;
}

}  // namespace millrace::dpi::ndpi
