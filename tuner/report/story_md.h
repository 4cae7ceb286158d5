/* story_md: what of a story goes into a chat message: the verdict, the table, what next, as Markdown.
 *
 * STORY_MD_MAX characters at most: what has no room is left out, what is missed least first.
 * Of other people's text nothing is Markdown.
 */
#ifndef TUNER_REPORT_STORY_MD_H
#define TUNER_REPORT_STORY_MD_H

#include "tuner/report/story.h"

#include <stdio.h>

enum { STORY_MD_MAX = 1500 };

void story_md_write(FILE *out, const struct story *s);

#endif
