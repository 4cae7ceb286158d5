/* streams: the event streams of all studies, those that are not at work any more included. */
#ifndef TUNER_SERVICE_STREAMS_H
#define TUNER_SERVICE_STREAMS_H

#include "tuner/service/event_stream.h"
#include "tuner/service/parts.h"

/* The stream of this study; made if need be. */
struct event_stream *streams_of(struct service *s, const char *study, int64_t id);
/* The study was deleted: its readers are told so, and the stream goes with the last of them. */
void streams_forget(struct service *s, const char *study);
/* A sign of life on each; those that nobody reads go, but of studies that are `kept`. */
void streams_pulse(struct service *s, bool (*kept)(const struct service *s, const char *study));
void streams_drop(struct service *s); /* all */

#endif
