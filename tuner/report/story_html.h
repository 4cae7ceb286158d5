/* story_html: a story as one HTML file that needs nothing else: no script, no font, no request to anybody; its charts
 * are drawn into it (svg.h), wide for a desk and paper, narrow for a phone. Light and dark by its reader's wish.
 *
 * Under STORY_HTML_MAX whatever the study: a chart too heavy for that is drawn once, or not at all, and it is said how
 * to have it. Every text is escaped, and a Content-Security-Policy in the head forbids what should be impossible
 * anyhow. Valid as HTML and well-formed as XML.
 */
#ifndef TUNER_REPORT_STORY_HTML_H
#define TUNER_REPORT_STORY_HTML_H

#include "tuner/report/story.h"

#include <stdio.h>

enum { STORY_HTML_MAX = 300000 /* bytes */ };

void story_html_write(FILE *out, const struct story *s);

#endif
