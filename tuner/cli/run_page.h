/* run_page: the page of one run, on its loop: an address of this machine only, with a token of its own in the fragment,
 * which no server sees. The token is in this process and nowhere else: after its end, or a kill -9, it opens nothing,
 * and it has made no others.
 *
 * Opened before the study starts, told of its end, and closed last; between the two, in a terminal, it stays until
 * Ctrl-C.
 */
#ifndef TUNER_CLI_RUN_PAGE_H
#define TUNER_CLI_RUN_PAGE_H

#include "tuner/base/error.h"

#include <uv.h>

struct active;
struct run_options;
struct run_page;

enum status run_page_open(const struct run_options *o, struct active *run, uv_loop_t *loop, struct run_page **ret,
                          struct error *err);
/* The study has ended; called from the loop. */
void run_page_ended(struct run_page *page);
/* Turns the loop until nobody reads the run any more: then it may be freed, and the page shows what the database has.
 */
void run_page_let_go(struct run_page *page);
/* Turns the loop while somebody may be looking. Not in a terminal: does not wait. */
void run_page_stay(struct run_page *page);
/* Turns the loop until all of it is closed. NULL is fine. */
void run_page_close(struct run_page *page);

#endif
