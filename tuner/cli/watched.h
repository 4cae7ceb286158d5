/* watched: a study that somebody looks at for hours: its memory is as new as the last look, and what costs more to make
 * of it (verdict, health, charts) as old as it has to be, so that looking takes a small part of a core however many
 * trials there are: what took long is not made again before twenty times as long has passed, and not while nothing has
 * happened; only health, which knows the clock, is made every half minute in any case.
 *
 * What cannot be read stays as it was read last, and the link says so.
 *
 *     struct cli_common common;
 *     struct watched w;
 *     enum status s = watched_open(&w, &common, "g2p", &err);
 *     watched_look(&w);                       once a second
 *     watched_read(&w, scene);
 *     struct watch_facts x = watched_facts(&w, scene);
 *     watched_close(&w);
 */
#ifndef TUNER_CLI_WATCHED_H
#define TUNER_CLI_WATCHED_H

#include "tuner/cli/cli.h"

#include "tuner/report/report.h"

enum { WATCHED_HAPPENED = 64, WATCHED_WHY = 1100 };

/* When something may be made again, and of what it was made. */
struct pace {
    int64_t next_ms;      /* monotonic clock */
    int64_t seq, reports; /* of the memory; −1: it was never made */
};

struct watched_chart {
    struct pace pace;
    struct arena arena;
    struct chart chart;
    enum status status;
    char why[WATCHED_WHY]; /* there is no chart */
};

struct watched {
    struct cli_study study;
    long loaded; /* as study.loaded was when the rest was made */
    bool running;
    bool asks; /* an answer is waited for, while the loop turns */
    struct watch_link link;
    char why[WATCHED_WHY]; /* link.why */
    const char *where;     /* for commands */
    int64_t reports;       /* of the trials that run, in all */

    struct pace document_pace, health_pace;
    struct arena document_arena, health_arena;
    struct document document;
    int document_stage; /* the study's as the document has it */
    struct health health;
    struct watched_chart chart[FIGURE_KINDS];

    int64_t happened_seq; /* up to here it is told */
    size_t n_happened;
    char *happened[WATCHED_HAPPENED]; /* the newest last */

    long tail_of; /* the trial whose log was read last; −1: none */
    char *tail;   /* of it; NULL: its folder is not here */
};

/* After a failure there is nothing to close. */
enum status watched_open(struct watched *w, const struct cli_common *c, const char *name, struct error *err);
void watched_close(struct watched *w);

/* Brings all of it up to date that is due. Of a service the loop turns while it is waited for (common.service.loop), in
 * which watched_facts may be asked for, and watched_interrupt ends it. */
void watched_look(struct watched *w);
/* The same of the log that the scene shows; does it show one that was not read yet? */
void watched_read(struct watched *w, const struct scene *scene);
bool watched_lacks(const struct watched *w, const struct scene *scene);
/* Nothing more is asked for. */
void watched_interrupt(struct watched *w);
/* What the scene needs, as of the last look: a chart that was never made is made now. Does not wait. */
struct watch_facts watched_facts(struct watched *w, const struct scene *scene);

/* For commands: " --db FILE", " --url URL --token-file FILE", or "" for the usual database; in the arena. */
const char *watched_where(const struct cli_common *c, struct arena *a);

#endif
