/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What charon raises when something goes wrong with a peer, told to the gateway in words. */
#ifndef MILLRACE_TROUBLES_H
#define MILLRACE_TROUBLES_H

struct millrace_teller;
struct millrace_troubles;

/* Listens to charon's bus. NULL: no memory. */
struct millrace_troubles* millrace_troubles_create(struct millrace_teller* teller);
void millrace_troubles_destroy(struct millrace_troubles* troubles);

#endif
