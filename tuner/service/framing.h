/* framing: is the beginning of a request what everybody on its way takes it for [RFC 9112]? */
#ifndef TUNER_SERVICE_FRAMING_H
#define TUNER_SERVICE_FRAMING_H

#include <microhttpd.h>
#include <stdbool.h>

/* Decodes %xx in place. False: there is one that is none, or the text has a 0 byte, a control character, or no UTF-8.
 */
bool framing_unescape(char *text);

/* What is wrong with it, NULL: nothing. `malformed`: its target is. */
const char *framing_fault(struct MHD_Connection *connection, const char *version, bool malformed, unsigned *ret_status);

#endif
