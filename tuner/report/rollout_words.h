/* rollout_words: what is said of a rollout, from its status as tuner/live has it in JSON (live_status, or the API): the
 * same words wherever it comes from. What is missing in it, or is no such thing, is not said. Texts are of one line,
 * harmless for a terminal, and in the arena. Differences have intervals that are right however often somebody looks.
 *
 *     struct rollout_view v = rollout_view(status, "", &arena);
 *     puts(rollout_headline(&v));     "promising, not proven: challenger beside champion: em +0.40 points (…), …"
 */
#ifndef TUNER_REPORT_ROLLOUT_WORDS_H
#define TUNER_REPORT_ROLLOUT_WORDS_H

#include "tuner/analysis/analysis.h"

#include "tuner/base/arena.h"
#include "tuner/base/json.h"

enum rollout_phase { /* of its last experiment */
                     ROLLOUT_IDLE, /* there is none */
                     ROLLOUT_LEARNING,
                     ROLLOUT_SHADOW,
                     ROLLOUT_RUNNING,
                     ROLLOUT_PAUSED,
                     ROLLOUT_PROMOTED,
                     ROLLOUT_ROLLED_BACK,
                     ROLLOUT_STOPPED,
};

struct rollout_view { /* a status, looked at: it must live as long */
    struct arena *a;
    const char *where; /* " --url URL …", for commands to be copied; "": a database */
    const char *name, *study;
    const char *killed;   /* why; NULL: it is not */
    const json_t *status; /* all of it */
    const json_t *x;      /* the experiment; NULL: there is none */
    const json_t *rules;  /* its plan, with every default */
    enum rollout_phase phase;
    const json_t *lead; /* the challenger that is spoken of first: who is ready, or has the best verdict; NULL */
};

struct rollout_view rollout_view(const json_t *status, const char *where, struct arena *a);

const char *rollout_text(const struct rollout_view *v, const json_t *object, const char *key); /* "" if it is none */
double rollout_whole(const json_t *object, const char *key); /* a count; 0 if it is none */
bool rollout_is_open(const struct rollout_view *v);
bool rollout_is_dropped(const json_t *challenger);
const char *rollout_percent(const struct rollout_view *v, double share); /* "5 %", "0.5 %" */

/* ---- words ---- */

/* "promising, not proven", "learning", "killed", …: the one word for it. */
const char *rollout_word(const struct rollout_view *v);
/* Of its leading challenger, however it ended: "promising, not proven". */
const char *rollout_verdict(const struct rollout_view *v);
/* "em +0.40 points (−0.60 to +1.40), tokens −28.0 % (−31.0 to −25.0)"; "": nothing was scored. */
const char *rollout_differences(const struct rollout_view *v, const json_t *challenger, bool intervals);
/* "em 0.612, tokens 120.3" of an arm, "champion" or "challenger", beside each other; "": nothing was scored. */
const char *rollout_means(const struct rollout_view *v, const json_t *challenger, const char *arm);
/* "1240 of about 4000 units, about 3h 00m left" */
const char *rollout_progress(const struct rollout_view *v);
/* The judgement in a sentence. */
const char *rollout_headline(const struct rollout_view *v);
/* "running since …, at 5 %, step 2 of 4 of the ramp" */
const char *rollout_state(const struct rollout_view *v);
/* What happens next by itself, and what waits for somebody: with the experiment. */
const char *rollout_next(const struct rollout_view *v);
/* … and, of one that is watched, with the watch: as 'nocturne loop' says it (loop.c). */
const char *report_next(const struct rollout_view *v);
/* Has what is served drifted? "": nobody watches. */
const char *rollout_watch(const struct rollout_view *v);
/* "trial 9 of study g2p (patience=4 threshold=0.0012)", of a configuration. */
const char *rollout_configuration(const struct rollout_view *v, const json_t *configuration);
/* Units that have arrived and are not scored yet. */
double rollout_waiting(const struct rollout_view *v);
/* What the plan is to show, "em not worse by more than 1 point; …" */
const char *rollout_aims(const struct rollout_view *v);

/* ---- a track of a challenger ---- */

struct rollout_track {
    const char *name;     /* "tokens, the bill" */
    const char *by;       /* "−28.0 %" */
    const char *interval; /* "(−31.0 to −25.0)", or "" */
    const char *word;     /* "proven", "open", "worse", "beyond its guard", "guarded" */
};
/* False: nothing is known of it. */
bool rollout_track(const struct rollout_view *v, const json_t *track, struct rollout_track *ret);

/* ---- what is wrong ---- */

enum { ROLLOUT_MATTERS_MAX = 16 };

struct rollout_matter {
    enum health_level level; /* wrong or look */
    const char *what;        /* "shares" */
    const char *sentence, *action;
};

/* How many there are. */
size_t rollout_matters(const struct rollout_view *v, struct rollout_matter *ret);

#endif
