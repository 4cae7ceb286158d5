/* recent: the last words of which it is known how they are said, in a file that g2p_judge reads: what is tuned is tuned
 * on what people ask now.
 *
 *     struct recent r;
 *     recent_open(&r, "recent.words");
 *     recent_add(&r, "tomato", "T+AH+M+EY+T+OW|T+AH+M+AA+T+OW");
 *     recent_close(&r);
 *
 * The file stays as it was until RECENT words have come, and is replaced whole after every RECENT_SAVE more: not so
 * often that each trial of a study would see other words. */
#ifndef SERVING_RECENT_H
#define SERVING_RECENT_H

#include "examples/g2p/words.h"

enum { RECENT = 2000, RECENT_SAVE = 500, RECENT_LINE = 1024 };

struct recent {
    const char *path;
    struct data data;   /* of the file as it was: its classes */
    char *line;         /* RECENT × RECENT_LINE: "v WORD PHONES" */
    unsigned long n;    /* so far */
    const char *failed; /* what went wrong last, or NULL */
};

/* Ends the program if there is no such file. */
void recent_open(struct recent *r, const char *path);
void recent_close(struct recent *r);
void recent_add(struct recent *r, const char *word, const char *phones);

#endif
