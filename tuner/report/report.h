/* report: what people and machines see of a study. Writes to the FILE it is given, reads a history. */
#ifndef TUNER_REPORT_REPORT_H
#define TUNER_REPORT_REPORT_H

#include "tuner/analysis/analysis.h"
#include "tuner/coordinator/coordinator.h"

#include "tuner/report/figure.h"
#include "tuner/report/happening.h"
#include "tuner/report/headline.h"
#include "tuner/report/morning.h"
#include "tuner/report/story_html.h"
#include "tuner/report/story_md.h"
#include "tuner/report/svg.h"
#include "tuner/report/text.h"
#include "tuner/report/unicode.h"
#include "tuner/report/watch.h"
#include "tuner/report/watch_list.h"

#include <stdio.h>

/* ---- progress of a run ---- */

enum progress_mode {
    PROGRESS_TERMINAL, /* a bar, a line per running trial, redrawn */
    PROGRESS_LINES,    /* a line per finished trial */
    PROGRESS_JSON,     /* the same as JSON lines */
    PROGRESS_QUIET,
};

struct progress;

struct progress *progress_create(FILE *out, enum progress_mode mode, const struct memory *history);
void progress_free(struct progress *p);
void progress_event(struct progress *p, enum news event, const struct trial *trial, const char *text);
/* Removes the moving lines, so that other output can follow. */
void progress_clear(struct progress *p);

/* ---- tables ---- */

/* Baseline, references, winner: the study's metrics, mean ± sd over the confirmation seeds. */
void report_comparison(FILE *out, const struct comparison *c);

/* What a re-run of a winner that was measured once is expected to give; nothing of others. */
void report_rerun(FILE *out, const struct memory *s, const struct comparison *c);

/* What matters, a table for each target. */
void report_importance(FILE *out, const struct importance *x);

/* Which trials, in which order, and what of them. Zero: all, by number, what fits. */
struct trials_wish {
    const char *sort; /* a column, "-" before it for descending; NULL: by number, with `top` the best utility first */
    const char *columns; /* "em,tokens,lr"; NULL: the usual ones */
    const char *states;  /* "complete,failed"; NULL: all */
    long top;            /* the first so many; 0: all */
};
/* STATUS_INVALID: there is no such column or state; the error names those that there are. */
enum status report_trials(FILE *out, const struct memory *s, const struct trials_wish *wish, bool json,
                          struct error *err);
/* `h`: its health, between where it stands and what was measured; NULL: unknown. */
void report_status(FILE *out, const struct document *d, const struct health *h);

/* What is wrong first, each with what to do; what is fine in one line, and in the first half hour what is not known
 * yet. `going`: somebody is at it, and the forecast of its end is shown. */
void report_health(FILE *out, const struct health *h, const struct objective *o, bool going);
/* "03:40", on another day "Tue 03:40", in more than six days "2026-12-08"; wall clock, in the arena. */
const char *report_soon(double ms, double now, struct arena *a);
/* What a person has to say, a line for each of his; NULL: nothing. */
void report_note(FILE *out, const char *text);

/* One trial: what it is, its events, log folders and learning curves. STATUS_NOT_FOUND if there is none. */
enum status report_trial(FILE *out, struct store *store, int64_t study_id, const struct study *study, long number,
                         struct error *err);

/* The stages that led to a trial of a study with stages. */
void report_lineage(FILE *out, const struct memory *s, const struct trial *t);
/* What each stage has left for each trial of a study, a line per trial for which one is done; one sentence if there is
 * nothing to list. */
void report_lineages(FILE *out, const struct memory *s);

/* A trial whose runs from number `since` on were to reproduce it. False: something lies outside, or none ran. */
bool report_reproduction(FILE *out, struct history *h, const struct trial *t, long since);
/* The same as JSON; the caller owns it. */
json_t *reproduction_json(struct history *h, const struct trial *t, long since);

/* The last lines of an attempt's logs, if its folder is on this machine. */
void report_last_lines(FILE *out, const char *dir);
/* The same, `lines` of each at most. */
void report_logs(FILE *out, const char *dir, size_t lines);
/* The same of the end of one log, from wherever it was had. */
enum { REPORT_TAIL_BYTES = 16384, REPORT_TAIL_LINES = 6 };
struct report_text {
    char *bytes; /* n of them and a NUL; what is NUL before is overwritten */
    size_t n;
    bool cut; /* it begins in the middle */
};
void report_tail(FILE *out, const char *name, const struct report_text *text, size_t lines);

void report_stops(FILE *out, const struct memory *s, const struct stop_audit *stops);
/* For when the search found nothing better: says so if most of its trials were stopped early. */
void report_stopped_early(FILE *out, const struct memory *s);
/* Why one trial was stopped. */
void report_stop(FILE *out, const struct memory *s, const struct stop_record *stop);

/* ---- rollouts: what is live, from its status as JSON (live_status, or the API) ---- */

/* The judgement, what is wrong, where it stands, what happens next. `where`: " --url …", for commands to be copied; "". */
void report_rollout(FILE *out, const json_t *status, const char *where);
/* The judgement and what happens next, alone. */
void report_rollout_head(FILE *out, const json_t *status, const char *where);
/* How the differences of each challenger went, as charts; `course` of its experiment (live_course, or the API). */
void report_rollout_course(FILE *out, const json_t *status, const json_t *course);
/* A line for each of a list. */
void report_rollouts(FILE *out, const json_t *list);
/* What has happened, a line each, of a list of events. */
void report_rollout_events(FILE *out, const json_t *events);
/* All of a rollout in one picture: what is live, how it does, drift, what is tried, what happens next and has happened. */
enum loop_keeper { LOOP_UNKNOWN, LOOP_ALONE, LOOP_KEPT }; /* is somebody at the watch's work? */
struct loop_facts {
    const json_t *status, *events; /* as above; events: the last ones */
    const char *where;             /* as above */
    enum loop_keeper keeper;
};
void report_loop(FILE *out, const struct loop_facts *f);
/* {"rollout", "study", "version", "champion", "since_ms", "now_ms", "killed"?, "usual": {"em": 0.61}, "lately", "phase",
 * "asked", "alarm": share of an alarm, "experiment"; in words: "live", "verdict", "headline", "state", "drift", "next",
 * "tried": [{"variant", "what", "dropped", "beside": [{"what", "by", "interval", "word"}]}], "matters": [{"level", "what",
 * "sentence", "action"}], "events": [{…, "text"}]}; null: there is none. The caller's. */
json_t *loop_json(const struct loop_facts *f);
/* One of them: "drift: em has become worse, …", in the arena. */
const char *report_rollout_event(const json_t *event, struct arena *a);

/* ---- export ---- */

enum export_format { EXPORT_YAML, EXPORT_JSON, EXPORT_ENV, EXPORT_ARGS, EXPORT_TOML };

bool export_format_parse(const char *text, enum export_format *ret);

/* The winner with its provenance. STATUS_NOT_FOUND: there is no winner yet. */
enum status report_export(FILE *out, enum export_format format, const struct comparison *c, struct error *err);

/* The comment above it: whose it is, and how sure. There must be a winner. */
void report_provenance(FILE *out, const struct comparison *c);

/* Every trial, for other tools. */
enum dump_format { DUMP_CSV, DUMP_JSONL };
void report_dump(FILE *out, const struct memory *s, enum dump_format format);
/* What the last attempt of a trial has said of single items, each once; *ret_n: of how many. */
enum status report_items(FILE *out, const struct memory *s, const struct trial *t, enum dump_format format,
                         size_t *ret_n, struct error *err);

/* The event log; `trial` −1: of the whole study. */
enum status report_log(FILE *out, struct store *store, int64_t study, long trial, bool json, struct error *err);

/* A text as a QR code, for the camera of a phone: two rows of modules in a line of half blocks, dark on light where the
 * terminal has colours; without them light is drawn, as on a dark screen; in a locale without UTF-8 two characters are
 * a module. The light border of four modules is part of it. STATUS_INVALID: it is too long for a code, or wider than
 * the terminal. */
enum status report_qr(FILE *out, const char *text, struct error *err);

/* ---- the screen ---- */

/* From now on what goes to a terminal by stdout or stderr is folded between words to its width; wherever it goes it is
 * ASCII where the locale is. */
void report_fold(void);
/* How wide stdout is now: the terminal's, else COLUMNS, else 80. */
size_t report_columns(void);
/* Can lines on stdout be taken back? No file, pipe or dumb terminal. */
bool report_can_redraw(void);

#endif
