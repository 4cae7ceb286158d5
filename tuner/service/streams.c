#include "tuner/service/streams.h"

#include <stdlib.h>
#include <string.h>

struct stream_entry {
    struct stream_entry *next;
    char *study; /* "": it was deleted, and readers are left */
    int64_t id;  /* another study may have the name by now */
    struct event_stream *stream;
};

static void end(struct stream_entry *e)
{
    event_stream_end(e->stream);
    free(e->study);
    e->study = must_strdup(""); /* a new study of this name has another stream */
}

/* An older one that had this name was deleted, perhaps by another process; who still asks for it ends nothing newer. */
struct event_stream *streams_of(struct service *s, const char *study, int64_t id)
{
    for (struct stream_entry *e = s->streams.all; e; e = e->next) {
        if (strcmp(e->study, study) != 0) continue;
        if (e->id == id) return e->stream;
        if (e->id < id) end(e);
    }
    struct stream_entry *e = must_alloc(1, sizeof *e);
    *e = (struct stream_entry){s->streams.all, must_strdup(study), id,
                               event_stream_create(s->streams.shelf, s->store, id)};
    s->streams.all = e;
    return e->stream;
}

static void drop(struct stream_entry **at)
{
    struct stream_entry *e = *at;
    *at = e->next;
    event_stream_free(e->stream);
    free(e->study);
    free(e);
}

void streams_forget(struct service *s, const char *study)
{
    for (struct stream_entry *e = s->streams.all; e; e = e->next)
        if (strcmp(e->study, study) == 0) end(e);
}

void streams_pulse(struct service *s, bool (*kept)(const struct service *s, const char *study))
{
    for (struct stream_entry **at = &s->streams.all; *at;) {
        event_stream_pulse((*at)->stream);
        if (!event_stream_is_read((*at)->stream) && !kept(s, (*at)->study))
            drop(at);
        else
            at = &(*at)->next;
    }
}

void streams_drop(struct service *s)
{
    while (s->streams.all) drop(&s->streams.all);
}
