// SPDX-License-Identifier: BSD-3-Clause
#include "common/core/note.h"

#include <rte_errno.h>

namespace millrace::core {

int note_offset = -1;

Result<void> register_note() {
  if (note_offset >= 0) return {};
  const rte_mbuf_dynfield field{
      .name = "millrace_note", .size = sizeof(Note), .align = alignof(Note), .flags = 0};
  note_offset = rte_mbuf_dynfield_register(&field);
  if (note_offset < 0) return failure("reserve a field in the packet buffer", rte_strerror(rte_errno));
  return {};
}

}  // namespace millrace::core
