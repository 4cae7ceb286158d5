/* overview: who would be told what, and what waits: of a notify file and a database, without what is secret. */
#ifndef TUNER_NOTIFY_OVERVIEW_H
#define TUNER_NOTIFY_OVERVIEW_H

#include "tuner/notify/notify_file.h"

#include "store/store.h"

struct overview_waiting { /* for a channel */
    size_t n;
    int64_t next_ms; /* when the first of them may be sent; 0: none waits */
    const char *why; /* why the last try failed; "": it did not */
};

struct overview {
    const struct notify_file *file;
    struct overview_waiting waiting[CHANNELS_MAX]; /* by place */
    size_t others;                                 /* notices for channels that the file does not have */
};

/* `store` NULL: nothing waits. Texts in the arena. */
enum status overview_make(const struct notify_file *f, struct store *store, struct arena *a, struct overview *ret,
                          struct error *err);

/* {"file", "channels": [{"channel", "kind", "to", "tells", "waiting", "next_ms", "why"}], "quiet": {"from", "to",
 * "but"} | null, "heartbeat": {"to", "every_ms"} | null, "others"}; the caller owns it. */
json_t *overview_json(const struct overview *o);

/* Where a channel goes: "https://hooks.example.org/…", "ntfy …", "ada@example.org"; in the arena. */
const char *overview_to(const struct channel_plan *plan, struct arena *a);

#endif
