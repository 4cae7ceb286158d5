/* ascii: text for people as screens without UTF-8 can show it. */
#ifndef TUNER_REPORT_ASCII_H
#define TUNER_REPORT_ASCII_H

#include "tuner/base/arena.h"

/* What our own texts are written with has its like ("<" for "◀", "+-" for "±"); everything else is "?" for each column
 * that it takes. In the arena. */
char *ascii_text(struct arena *a, const char *text);

#endif
