/* mail: a notice as a message for sendmail -t [RFC 5322, MIME].
 *
 * No text of others can become a header: the subject is one line, in encoded words where it is not plain ASCII [RFC
 * 2047], cut at MAIL_SUBJECT bytes; the body is base 64. Line ends are \n, as programs called sendmail want them.
 */
#ifndef TUNER_NOTIFY_MAIL_H
#define TUNER_NOTIFY_MAIL_H

#include "tuner/notify/notify_file.h"

enum { MAIL_SUBJECT = 200 };

/* In the arena. */
const char *mail_text(const struct channel_plan *plan, const struct notice *n, int64_t wall_ms, struct arena *a);

/* The value of a header: ASCII folded at blanks, else encoded words of at most 64 characters, a line each. */
const char *mail_words(const char *text, struct arena *a);

#endif
