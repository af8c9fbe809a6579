/* SPDX-License-Identifier: GPL-2.0-or-later */
/* charon's plugin "millrace": its associations and policies go to the Millrace VPN gateway. */
#include <daemon.h>
#include <fcntl.h>
#include <library.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vnfs/vpn/charon-plugin/ipsec.h"

/* strongSwan looks for it by this name. */
__attribute__((visibility("default"))) plugin_t* millrace_plugin_create(void);

/* Whether the program says that it is the release which the headers are of. No library of strongSwan 5.9
 * tells, but charon greets with it. */
static bool right_release(void) {
  static const char word[] = MILLRACE_STRONGSWAN_RELEASE;
  static const char phrase[] = "strongSwan " MILLRACE_STRONGSWAN_RELEASE;
  struct stat found;
  bool right = false;
  const int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  if (fstat(fd, &found) == 0 && found.st_size > 0) {
    const size_t size = (size_t)found.st_size;
    const char* text = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (text != MAP_FAILED) {
      char whole[sizeof(word) + 1] = {0}; /* zeros before and after it */
      memcpy(whole + 1, word, sizeof(word));
      right = memmem(text, size, whole, sizeof(whole)) || memmem(text, size, phrase, sizeof(phrase) - 1);
      munmap((void*)text, size);
    }
  }
  close(fd);
  return right;
}

METHOD(plugin_t, get_name, char*, plugin_t* this) { return "millrace"; }

METHOD(plugin_t, get_features, int, plugin_t* this, plugin_feature_t* features[]) {
  static plugin_feature_t provided[] = {
      PLUGIN_CALLBACK(kernel_ipsec_register, millrace_ipsec_create),
      PLUGIN_PROVIDE(CUSTOM, "kernel-ipsec"),
  };
  *features = provided;
  return countof(provided);
}

METHOD(plugin_t, destroy, void, plugin_t* this) { free(this); }

plugin_t* millrace_plugin_create(void) {
  plugin_t* this;
  if (!right_release()) {
    DBG1(DBG_LIB,
         "the plugin millrace is made for strongSwan %s, and this is another: build it with the headers of "
         "this one",
         MILLRACE_STRONGSWAN_RELEASE);
    return NULL;
  }
  INIT(this, .get_name = _get_name, .get_features = _get_features, .destroy = _destroy);
  return this;
}
