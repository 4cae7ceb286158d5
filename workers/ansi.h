/* ansi: what a program prints for its terminal and nobody reads: colours, links, titles. */
#ifndef WORKERS_ANSI_H
#define WORKERS_ANSI_H

#include <stddef.h>

/* Takes the sequences of ECMA-48 and other control characters, but for tabs, out of a line, in place; returns its new
 * length. Sequences are CSI (ESC [ … letter), strings (OSC, which links and titles are, DCS, APC, PM, SOS) to their end
 * (ST or, of OSC, BEL), character sets (ESC ( B) and the common ones of two bytes. Of a string that has no end in the
 * line only its beginning goes: better shown too much than a number lost. Takes time in proportion to the line. */
size_t ansi_strip(char *line, size_t n);

#endif
