/* terminal: the whole screen of the terminal, for a program that goes on drawing it.
 *
 * Opened, it shows its alternate screen, gives keys one by one without echo, and hides the cursor; terminal_leave, and
 * the end of the process by exit, put everything back as it was. What a kill -9 leaves is what `reset` mends. It has a
 * descriptor of its own (the terminal opened once more), so that nothing of standard input and output changes: shells
 * do not like them non-blocking. Nothing here waits: what the terminal does not take yet is kept.
 *
 * Only lines that differ from what is there are sent. One loop's thread.
 *
 *     struct terminal *t;
 *     enum status s = terminal_open(&t, &err);        STATUS_INVALID: it is no terminal that can be drawn
 *     terminal_draw(t, f.line, f.n);
 *     terminal_close(t);
 */
#ifndef TUNER_CLI_TERMINAL_H
#define TUNER_CLI_TERMINAL_H

#include "tuner/report/report.h"

#include "tuner/base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct terminal;

/* Standard input and output are terminals, and this one's lines can be taken back. */
bool terminal_is_there(void);

/* Of standard output. Entered when it returns. */
enum status terminal_open(struct terminal **ret, struct error *err);
void terminal_close(struct terminal *t); /* left, if it is not; NULL is fine */

/* As it was before it was opened; and as it was before it was left, to be drawn anew. */
void terminal_leave(struct terminal *t);
void terminal_enter(struct terminal *t);

int terminal_fd(const struct terminal *t);
void terminal_size(const struct terminal *t, size_t *ret_columns, size_t *ret_rows);

/* Of as many lines as the terminal has, none wider than it. While something waits to be sent it is not drawn, and
 * false: draw again later. */
bool terminal_draw(struct terminal *t, const char *const *line, size_t n);
/* What is on the screen is not known any more: the next drawing is of all lines. */
void terminal_forget(struct terminal *t);
/* Sends on what waits; true: nothing is left. */
bool terminal_flush(struct terminal *t);

/* The next key that was pressed, a character or enum scene_key; 0: none now; −1: the terminal is gone. */
int terminal_key(struct terminal *t);

#endif
