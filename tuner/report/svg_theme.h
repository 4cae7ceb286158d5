/* svg_theme: the colours of a picture, as a style sheet inside of it. Its classes begin with "no-", the same in every
 * picture, so that many in one page do not quarrel: no-p page, no-s surface, no-r rule, no-i ink, no-q quiet ink, no-h
 * a text's halo, no-b bold, no-t title; no-l and no-f with a look's number (chart.h) its line and its filling. */
#ifndef TUNER_REPORT_SVG_THEME_H
#define TUNER_REPORT_SVG_THEME_H

#include <stdio.h>

enum svg_theme { SVG_AUTO /* as its reader has it, light on paper */, SVG_LIGHT, SVG_DARK };

void svg_style(FILE *out, enum svg_theme theme);

#endif
